"""Products with weights of four bits, which kernels read as they are stored: two channels a byte.

Kernels are those for pairs of values, with the same parameters but for the words of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tfedge_converters.c.kernel_call import Constant, KernelCall
from tfedge_converters.c.packed import matrices

_OFFSET, _FOUR = 8, 4

# Sums of bytes of two weights each grow 16 times as fast as those of one.
_MOST_DEPTH = 1 << 16

# Scratch memory in front of the columns, for sums of their values.
_SUMS_BYTES = 16

_FORM = "int4"


def repacked_fully_connected(call: KernelCall) -> KernelCall | None:
    """fully_connected_s8, which is a 1x1 convolution too."""
    dense = matrices.repacked_fully_connected(call)
    if dense is None:
        return None
    params: Mapping[str, Any] = call.params
    weights = matrices.weight_rows(params["matmul"])
    if not _has_form(weights):
        return None
    if dense.kernel == "matmul_pairs_s8":
        return _by_columns(dense, "matmul_int4_s8", weights)
    words = Constant("weights", two_channels_a_byte(weights), "[channels / 4][depth / 4][2]")
    return dense.packed_as(
        "fully_connected_int4_s8", {**dense.params, "weights": words}, form=_FORM
    )


def repacked_convolution(call: KernelCall) -> KernelCall | None:
    """conv_2d_s8 without dilation."""
    dense = matrices.repacked_convolution(call)
    if dense is None:
        return None
    params: Mapping[str, Any] = call.params
    weights = matrices.weight_columns(params)
    return _by_columns(dense, "conv_2d_int4_s8", weights) if _has_form(weights) else None


def _has_form(weights: np.ndarray) -> bool:
    is_narrow = weights.min() >= -_OFFSET and weights.max() < _OFFSET
    return bool(is_narrow) and weights.shape[1] <= _MOST_DEPTH


def _by_columns(dense: KernelCall, kernel: str, weights: np.ndarray) -> KernelCall:
    params: Mapping[str, Any] = dense.params
    words = Constant("weights", two_channels_a_word(weights), "[channels / 2][pairs / 2]")
    return replace(
        dense,
        kernel=kernel,
        header=kernel,
        params={**params, "product": {**params["product"], "weights": words}},
        scratch_bytes=dense.scratch_bytes + _SUMS_BYTES,
        form=_FORM,
    )


def two_channels_a_word(weights: np.ndarray) -> np.ndarray:
    """Weights within -8..7 in the order of tfedge_pairs_int4_s8.h.

    Args:
        weights: int8, (channels, depth), an even number of channels, depth a multiple of 4.

    Returns:
        int32 words, (channels / 2, depth / 4).
    """
    return np.ascontiguousarray(_pairs(weights)).view("<i4").astype(np.int32)


def _pairs(weights: np.ndarray) -> np.ndarray:
    """Each two channels as bytes: int8, (channels / 2, depth)."""
    data = weights.astype(np.int16)
    return (16 * data[0::2] + data[1::2] + _OFFSET).astype(np.int8)


def two_channels_a_byte(weights: np.ndarray) -> np.ndarray:
    """Weights within -8..7 in the order of tfedge_fully_connected_int4_s8.h.

    Args:
        weights: int8, (channels, depth), depth a multiple of 4.

    Returns:
        int32 words, (channels / 4, depth / 4, 2), channels filled up with zeros.
    """
    data = _pairs(np.pad(weights, ((0, -len(weights) % _FOUR), (0, 0))))
    fours = data.reshape(-1, 2, data.shape[1] // _FOUR, _FOUR).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(fours).view("<i4")[..., 0].astype(np.int32)


def from_two_channels_a_byte(words: np.ndarray) -> np.ndarray:
    """The weights that `two_channels_a_byte` packed, with their filling, as (channels, depth)."""
    data = np.ascontiguousarray(words, "<i4").view(np.int8).reshape(*words.shape, _FOUR)
    rows = data.transpose(0, 2, 1, 3).reshape(2 * words.shape[0], -1).astype(np.int16)
    odd = (rows & 15) - _OFFSET
    even = (rows - odd - _OFFSET) >> 4
    return np.stack([even, odd], axis=1).reshape(-1, rows.shape[1]).astype(np.int8)
