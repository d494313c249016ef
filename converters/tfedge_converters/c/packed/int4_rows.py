"""Dense layers of few rows with weights of four bits, which the kernel reads as they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfedge_converters.c.kernel_call import Constant, KernelCall
from tfedge_converters.c.packed import matrices

_OFFSET, _FOUR = 8, 4

# Sums of bytes of two weights each grow 16 times as fast as those of one.
_MOST_DEPTH = 1 << 16


def repacked_fully_connected(call: KernelCall) -> KernelCall | None:
    """fully_connected_s8 with weights within -8..7."""
    dense = matrices.repacked_fully_connected(call)
    if dense is None or dense.kernel != "fully_connected_pairs_s8":
        return None
    matmul: Mapping[str, Any] = dict(call.params)["matmul"]  # type: ignore[assignment]
    weights = matmul["weights"].values.reshape(matmul["channels"], -1)
    if weights.min() < -_OFFSET or weights.max() >= _OFFSET or weights.shape[1] > _MOST_DEPTH:
        return None
    words = Constant("weights", two_channels_a_byte(weights), "[channels / 4][depth / 4][2]")
    return dense.packed_as(
        "fully_connected_int4_s8", {**dense.params, "weights": words}, form="int4"
    )


def two_channels_a_byte(weights: np.ndarray) -> np.ndarray:
    """Weights within -8..7 in the order of tfedge_fully_connected_int4_s8.h.

    Args:
        weights: int8, (channels, depth), depth a multiple of 4.

    Returns:
        int32 words, (channels / 4, depth / 4, 2), channels filled up with zeros.
    """
    filled = np.pad(weights, ((0, -len(weights) % _FOUR), (0, 0))).astype(np.int16)
    data = (16 * filled[0::2] + filled[1::2] + _OFFSET).astype(np.int8)
    fours = data.reshape(-1, 2, data.shape[1] // _FOUR, _FOUR).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(fours).view("<i4")[..., 0].astype(np.int32)


def from_two_channels_a_byte(words: np.ndarray) -> np.ndarray:
    """The weights that `two_channels_a_byte` packed, with their filling, as (channels, depth)."""
    data = np.ascontiguousarray(words, "<i4").view(np.int8).reshape(*words.shape, _FOUR)
    rows = data.transpose(0, 2, 1, 3).reshape(2 * words.shape[0], -1).astype(np.int16)
    odd = (rows & 15) - _OFFSET
    even = (rows - odd - _OFFSET) >> 4
    return np.stack([even, odd], axis=1).reshape(-1, rows.shape[1]).astype(np.int8)
