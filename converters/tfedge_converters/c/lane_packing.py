"""Orders of weights for kernels that compute in lanes of vectors, and back.

A vector has 16 int8 values. Spans of values are filled up to vectors with weights of 0.
"""

from __future__ import annotations

import numpy as np

LANES = 16

# Channels that the product of matrices sums together.
THREE = 3

# Channels that are requantised together, and that the product with a vector sums together.
FOUR = 4

# Weights of 0 around those of a 3x3 kernel, which shift them to the other outputs of a patch.
PATCH_ZEROS = 5

# In which order products of 16 lanes come: see tfedge_depthwise_conv_2d_lanes_s8.h.
PRODUCT_ORDER = np.arange(LANES).reshape(FOUR, 2, 2).transpose(2, 1, 0).reshape(-1)


def threes(weights: np.ndarray) -> np.ndarray:
    """Weights for kernels that multiply two pixels with three channels at a time.

    Args:
        weights: int8, (channels, depth).

    Returns:
        int8, one axis: of each three channels [vectors][3][16], then of each one that is left
        [vectors][16].
    """
    vectors = _vectors(weights)
    whole = len(vectors) - len(vectors) % THREE
    together = vectors[:whole].reshape(-1, THREE, *vectors.shape[1:])
    return np.concatenate([together.transpose(0, 2, 1, 3).reshape(-1), vectors[whole:].reshape(-1)])


def from_threes(packed: np.ndarray, channels: int, depth: int) -> np.ndarray:
    """The weights that `threes` packed, (channels, depth)."""
    vectors = -(-depth // LANES)
    whole = channels - channels % THREE
    split = whole * vectors * LANES
    together = packed[:split].reshape(-1, vectors, THREE, LANES).transpose(0, 2, 1, 3)
    parts = [together.reshape(whole, vectors * LANES), packed[split:].reshape(-1, vectors * LANES)]
    return np.concatenate(parts)[:, :depth]


def fours(weights: np.ndarray) -> np.ndarray:
    """Weights for kernels that compute four channels of one row at a time.

    Args:
        weights: int8, (channels, depth).

    Returns:
        int8, (channels / 4, vectors, 4, 16), both axes filled up.
    """
    filled = np.pad(weights, ((0, -len(weights) % FOUR), (0, 0)))
    vectors = _vectors(filled)
    return vectors.reshape(-1, FOUR, *vectors.shape[1:]).transpose(0, 2, 1, 3)


def from_fours(packed: np.ndarray, channels: int, depth: int) -> np.ndarray:
    """The weights that `fours` packed, (channels, depth)."""
    data = packed.transpose(0, 2, 1, 3).reshape(packed.shape[0] * FOUR, -1)
    return data[:channels, :depth]


def taps(weights: np.ndarray) -> np.ndarray:
    """Weights of kernels whose lanes are channels.

    Args:
        weights: int8, (taps, channels); fewer than 16 channels must divide 16, and are repeated.

    Returns:
        int8, (blocks of channels, taps filled up to pairs, 16).
    """
    lanes = _as_lanes(weights)
    filled = np.pad(lanes, ((0, len(lanes) % 2), (0, 0)))
    return filled.reshape(len(filled), -1, LANES).transpose(1, 0, 2)


def from_taps(packed: np.ndarray, taps_: int, channels: int) -> np.ndarray:
    """The weights that `taps` packed, (taps, channels)."""
    return packed.transpose(1, 0, 2).reshape(packed.shape[1], -1)[:taps_, :channels]


def patches(weights: np.ndarray) -> np.ndarray:
    """Weights of 3x3 kernels whose lanes are four columns of four rows.

    Args:
        weights: int8, (3, 3, channels).

    Returns:
        int8, one axis: [channels][17] and 5 zeros, see tfedge_depthwise_conv_2d_3x3_lanes_s8.h.
    """
    columns = np.pad(weights.transpose(2, 1, 0), ((0, 0), (0, 0), (0, 1)))
    spaced = np.pad(columns.reshape(len(columns), -1), ((0, 0), (PATCH_ZEROS, 0)))
    return np.pad(spaced.reshape(-1), (0, PATCH_ZEROS))


def from_patches(packed: np.ndarray) -> np.ndarray:
    """The weights that `patches` packed."""
    spaced = packed[:-PATCH_ZEROS].reshape(-1, PATCH_ZEROS + 3 * FOUR)
    return spaced[:, PATCH_ZEROS:].reshape(-1, 3, FOUR)[:, :, :3].transpose(2, 1, 0)


def requantization_rows(columns: np.ndarray) -> np.ndarray:
    """Constants of four channels at a time.

    Args:
        columns: int32, one a kind of constant: (kinds, channels).

    Returns:
        int32, (channels / 4, kinds, 4), filled up with 0; see tfedge_requantize_lanes.h.
    """
    filled = np.pad(columns, ((0, 0), (0, -columns.shape[1] % FOUR)))
    return filled.reshape(len(columns), -1, FOUR).transpose(1, 0, 2)


def product_rows(columns: np.ndarray) -> np.ndarray:
    """The same with the channels of 16 lanes in the order that products come in."""
    blocks = _as_lanes(columns).reshape(len(columns), -1, LANES)[:, :, PRODUCT_ORDER]
    return requantization_rows(blocks.reshape(len(columns), -1))


def _vectors(weights: np.ndarray) -> np.ndarray:
    """(channels, vectors, 16)."""
    filled = np.pad(weights, ((0, 0), (0, -weights.shape[1] % LANES)))
    return filled.reshape(len(weights), -1, LANES)


def _as_lanes(values: np.ndarray) -> np.ndarray:
    """The last axis filled up to whole vectors: repeated where it divides one, else with 0."""
    channels = values.shape[1]
    if channels < LANES and LANES % channels == 0:
        return np.tile(values, (1, LANES // channels))
    return np.pad(values, ((0, 0), (0, -channels % LANES)))
