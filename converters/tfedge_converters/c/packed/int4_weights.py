"""Products with weights of four bits, which kernels read as they are stored.

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

# What the weights of four channels count in the half of a word, and whose values' halves are
# neighbours: cores with DSP take every other byte of a word.
_PLACES = np.array([4096, 256, 16, 1], np.int16)
_VALUE_ORDER = [0, 2, 1, 3]


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
    words = Constant("weights", four_channels_a_half(weights), "[channels / 4][depth / 4][2]")
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


def four_channels_a_half(weights: np.ndarray) -> np.ndarray:
    """Weights within -8..7 in the order of tfedge_fully_connected_int4_s8.h.

    Args:
        weights: int8, (channels, depth), depth a multiple of 4.

    Returns:
        int32 words, (channels / 4, depth / 4, 2), channels filled up with zeros.
    """
    filled = np.pad(weights, ((0, -len(weights) % _FOUR), (0, 0))).astype(np.int16)
    channels = filled.reshape(-1, _FOUR, weights.shape[1])
    halves = np.einsum("qcd,c->qd", channels, _PLACES) + _OFFSET * _PLACES[1:].sum()
    fours = halves.reshape(*halves.shape[:1], -1, _FOUR)[..., _VALUE_ORDER]
    return np.ascontiguousarray(fours, "<i2").view("<i4").astype(np.int32)


def from_four_channels_a_half(words: np.ndarray) -> np.ndarray:
    """The weights that `four_channels_a_half` packed, with their filling, as (channels, depth)."""
    halves = np.ascontiguousarray(words, "<i4").view("<i2")[..., np.argsort(_VALUE_ORDER)]
    halves = halves.reshape(len(words), 1, -1).astype(np.int32)
    nibbles = halves // _PLACES[:, np.newaxis] & 15
    signed = np.concatenate([(nibbles[:, :1] ^ _OFFSET), nibbles[:, 1:]], axis=1) - _OFFSET
    return signed.reshape(-1, halves.shape[-1]).astype(np.int8)
