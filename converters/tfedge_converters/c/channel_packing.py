"""Orders of weights for kernels whose vectors are groups of channels, and back.

A group has 32 channels, or what is left of them.
"""

from __future__ import annotations

import numpy as np

GROUP = 32

# Pixels that the product of matrices computes together, and those where there are few channels.
FEW_PIXELS, MANY_PIXELS = 3, 6


def pixels_together(channels: int) -> int:
    """How many pixels the product of matrices computes together: tfedge_matmul_channels_s8.h."""
    return MANY_PIXELS if channels <= GROUP // 2 else FEW_PIXELS


def groups(weights: np.ndarray) -> np.ndarray:
    """Weights for kernels that multiply a value of a pixel with a group of channels.

    Args:
        weights: int8, (channels, depth).

    Returns:
        int8, one axis: of each group [depth][channels of the group].
    """
    firsts = range(0, len(weights), GROUP)
    return np.concatenate([weights[first : first + GROUP].T.reshape(-1) for first in firsts])


def from_groups(packed: np.ndarray, channels: int, depth: int) -> np.ndarray:
    """The weights that `groups` packed, (channels, depth)."""
    whole = channels - channels % GROUP
    together = packed[: whole * depth].reshape(-1, depth, GROUP).transpose(0, 2, 1)
    rest = packed[whole * depth :].reshape(depth, channels - whole).T
    return np.concatenate([together.reshape(whole, depth), rest])


def taps(values: np.ndarray) -> np.ndarray:
    """Weights, or constants, of kernels that multiply each channel with its own.

    Args:
        values: (taps, channels); fewer than 32 channels that divide 32 are repeated.

    Returns:
        (groups, taps, 32), the last one filled up with zeros.
    """
    channels = values.shape[1]
    if GROUP % channels == 0:
        values = np.tile(values, (1, GROUP // channels))
    filled = np.pad(values, ((0, 0), (0, -values.shape[1] % GROUP)))
    return filled.reshape(len(values), -1, GROUP).transpose(1, 0, 2)


def from_taps(packed: np.ndarray, channels: int) -> np.ndarray:
    """The values that `taps` packed, (taps, channels)."""
    return packed.transpose(1, 0, 2).reshape(packed.shape[1], -1)[:, :channels]
