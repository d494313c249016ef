"""Orders of weights for packed kernels: from arrays to the words that C kernels read, and back.

A word is an int32 whose bytes count from the lowest, whatever the byte order of a machine. Depths
are filled up with weights of 0.
"""

from __future__ import annotations

import numpy as np


def pairs(weights: np.ndarray) -> np.ndarray:
    """Weights for kernels that multiply two values of two channels at a time.

    Args:
        weights: int8, (channels, depth), an even number of channels.

    Returns:
        int32 words, (channels / 2, pairs), the order of tfedge_pairs_s8.h: of each four values of
        the depth, values 0 and 2 are a pair, and values 1 and 3 are the next.
    """
    data = _filled_up(weights, 4)
    channels, depth = data.shape
    # Channel pair, odd channel, four, second of its pair, odd pair.
    parts = data.reshape(channels // 2, 2, depth // 4, 2, 2)
    return _words(parts.transpose(0, 2, 4, 3, 1), (channels // 2, depth // 2))


def from_pairs(words: np.ndarray) -> np.ndarray:
    """The weights that `pairs` packed, with their filling, as (channels, depth)."""
    half, count = words.shape
    parts = _bytes(words).reshape(half, count // 2, 2, 2, 2)
    return parts.transpose(0, 4, 1, 3, 2).reshape(2 * half, 2 * count)


def fours(weights: np.ndarray) -> np.ndarray:
    """Weights for kernels that compute four channels of one row at a time.

    Args:
        weights: int8, (channels, depth).

    Returns:
        int32 words, (channels / 4, depth / 4, 4), a word having four values of one channel's depth;
        channels are filled up to fours, too.
    """
    data = _filled_up(_filled_up(weights, 4).T, 4).T
    channels, depth = data.shape
    parts = data.reshape(channels // 4, 4, depth // 4, 4)
    return _words(parts.transpose(0, 2, 1, 3), (channels // 4, depth // 4, 4))


def from_fours(words: np.ndarray) -> np.ndarray:
    """The weights that `fours` packed, with their filling, as (channels, depth)."""
    channels, depth, _ = words.shape
    parts = _bytes(words).reshape(channels, depth, 4, 4)
    return parts.transpose(0, 2, 1, 3).reshape(4 * channels, 4 * depth)


# Channels that kernels which skip values compute at a time.
EIGHT = 8


def eights(weights: np.ndarray) -> np.ndarray:
    """Weights for kernels that multiply one value with eight channels.

    Args:
        weights: int8, (channels, depth).

    Returns:
        int8, (channels / 8, depth, 8), channels filled up to eights.
    """
    data = _filled_up(weights.T, EIGHT).T
    return np.ascontiguousarray(data.reshape(-1, EIGHT, data.shape[1]).transpose(0, 2, 1))


def from_eights(packed: np.ndarray) -> np.ndarray:
    """The weights that `eights` packed, with their filling, as (channels, depth)."""
    return packed.transpose(0, 2, 1).reshape(-1, packed.shape[1])


# The even bytes of each word are a vertical pair of weights, and so are the odd ones: all six pairs
# of a 3x3 kernel.
_NINES = (0, 1, 3, 4, 2, 3, 5, 6, 4, 5, 7, 8)


def nines(weights: np.ndarray) -> np.ndarray:
    """Weights of 3x3 kernels for tfedge_depthwise_conv_2d_planes_s8.h.

    Args:
        weights: int8, (channels, 9).

    Returns:
        int32 words, (channels, 3).
    """
    return _words(weights[:, _NINES], (weights.shape[0], 3))


def from_nines(words: np.ndarray) -> np.ndarray:
    """The weights that `nines` packed, (channels, 9)."""
    values = _bytes(words).reshape(words.shape[0], len(_NINES))
    return values[:, [_NINES.index(tap) for tap in range(9)]]


def _filled_up(weights: np.ndarray, multiple: int) -> np.ndarray:
    """Zeros behind the last axis, up to a multiple."""
    missing = -weights.shape[1] % multiple
    return np.pad(weights, ((0, 0), (0, missing)))


def _words(data: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.ascontiguousarray(data).reshape(-1).view("<i4").reshape(shape).astype(np.int32)


def _bytes(words: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(words, "<i4").reshape(-1).view(np.int8)
