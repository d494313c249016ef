"""Products of matrices by pairs of values: convolutions and dense layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfedge_converters.c import packing
from tfedge_converters.c.kernel_call import Constant, KernelCall, Param
from tfedge_converters.c.packed.requantization import Requantization, requantization

# What kernels that multiply columns compute at a time; with fewer rows, a row at a time is faster.
_PIXELS = 4
_MOST_SINGLE_ROWS = 2


def repacked_fully_connected(call: KernelCall) -> KernelCall | None:
    """fully_connected_s8, which is a 1x1 convolution too."""
    params: Mapping[str, Any] = call.params
    matmul, rows = params["matmul"], params["rows"]
    found = requantization(matmul, weight_rows(matmul), exactly=call.exactly)
    if found is None or matmul["depth"] % 4:
        return None
    if rows <= _MOST_SINGLE_ROWS:
        return _by_rows(call, rows, matmul, found)
    if rows < _PIXELS or matmul["channels"] % 2:
        return None
    product = _product(matmul["weights"].values, found)
    return call.packed_as(
        "matmul_pairs_s8",
        {"rows": rows, "depth": matmul["depth"], "product": product},
        takes_scratch=True,
        scratch_bytes=8 * matmul["depth"] + _PIXELS * matmul["channels"],
        in_place=(0,),
        resizes=True,
    )


def _by_rows(
    call: KernelCall, rows: int, matmul: Mapping[str, Any], found: Requantization
) -> KernelCall:
    filling = -matmul["channels"] % 4
    scales = found.scales
    is_shared = bool((scales == scales[0]).all())
    scales = scales[:1] if is_shared else np.pad(scales, ((0, filling), (0, 0)), "edge")
    params: dict[str, Param] = {
        "rows": rows,
        "depth": matmul["depth"],
        "channels": matmul["channels"],
        "exact": int(found.exact),
        "scale_words": 0 if is_shared else scales.shape[1],
        "weights": Constant(
            "weights", packing.fours(matmul["weights"].values), "[channels / 4][depth / 4][4]"
        ),
        "bias": Constant("bias", np.pad(found.bias, (0, filling))),
        "scales": Constant("scales", scales, "multiplier, addend, shift if exact"),
    }
    return call.packed_as(
        "fully_connected_pairs_s8",
        params,
    )


def repacked_convolution(call: KernelCall) -> KernelCall | None:
    """conv_2d_s8 without dilation."""
    params: Mapping[str, Any] = call.params
    matmul = params["matmul"]
    found = requantization(matmul, weight_rows(matmul), exactly=call.exactly)
    pixels = params["output_height"] * params["output_width"]
    if (
        found is None
        or pixels < _PIXELS
        or matmul["channels"] % 2
        or (params["dilation_y"], params["dilation_x"]) != (1, 1)
    ):
        return None
    values = params["kernel_width"] * params["input_channels"]
    columns = weight_columns(params)
    ring = _Ring.of(params)
    end_bytes = columns.shape[1] - params["kernel_height"] * (values - values % 4)
    fields: dict[str, Param] = {
        name: value
        for name, value in params.items()
        if name not in ("dilation_y", "dilation_x", "matmul")
    }
    fields |= {"ring_rows": ring.rows, "row_bytes": ring.row_bytes, "end_bytes": end_bytes}
    fields["product"] = _product(columns, found)
    return call.packed_as(
        "conv_2d_pairs_s8",
        fields,
        scratch_bytes=8 * columns.shape[1] + ring.rows * ring.row_bytes + _PIXELS * end_bytes,
        in_place=(0,) if _reads_ahead(params, matmul["channels"]) else (),
        resizes=True,
    )


def _product(weights: np.ndarray, found: Requantization) -> dict[str, Param]:
    """Return the fields of a tfedge_pairs_s8_params.

    Args:
        weights: (channels, depth).
        found: of the same channels.
    """
    words = packing.pairs(weights)
    return {
        "pairs": words.shape[1],
        "channels": weights.shape[0],
        "exact": int(found.exact),
        "weights": Constant("weights", words, "[channels / 2][pairs]"),
        "rows": Constant("rows", _channel_rows(found), "two channels' bias, multiplier, …"),
    }


def _channel_rows(found: Requantization) -> np.ndarray:
    """Interleave constants of two channels: biases, multiplier and addend of each, shifts."""
    half, words = found.bias.size // 2, found.scales.shape[1]
    scales = found.scales.reshape(half, 2, words)
    return np.concatenate(
        [
            found.bias.reshape(half, 2),
            scales[:, :, :2].reshape(half, 4),
            scales[:, :, 2:].reshape(half, 2 * (words - 2)),
        ],
        axis=1,
    )


def weight_rows(matmul: Mapping[str, Any]) -> np.ndarray:
    """Weights of a tfedge_matmul_s8_params: int8, (channels, depth)."""
    return np.reshape(matmul["weights"].values, (matmul["channels"], -1))


def weight_columns(params: Mapping[str, Any]) -> np.ndarray:
    """Weights of a conv_2d_s8 in the order of columns: int8, (channels, depth)."""
    values = params["kernel_width"] * params["input_channels"]
    weights = params["matmul"]["weights"].values
    return _column_order(weights.reshape(-1, params["kernel_height"], values))


def _column_order(weights: np.ndarray) -> np.ndarray:
    """Whole fours of values of each kernel row, then what is left of all rows, filled up.

    Args:
        weights: (channels, kernel height, kernel width * input channels).

    Returns:
        (channels, depth), a multiple of 4.
    """
    channels, _, values = weights.shape
    whole = values - values % 4
    ends = weights[:, :, whole:].reshape(channels, -1)
    ends = np.pad(ends, ((0, 0), (0, -ends.shape[1] % 4)))
    return np.concatenate([weights[:, :, :whole].reshape(channels, -1), ends], axis=1)


@dataclass(frozen=True)
class _Ring:
    """Rows of the input that a convolution keeps, padded to the width that windows see."""

    rows: int
    row_bytes: int

    @staticmethod
    def of(params: Mapping[str, Any]) -> _Ring:
        height, width = params["output_height"], params["output_width"]
        # Output rows that four neighbouring pixels are spread over.
        spread = 1 if width % _PIXELS == 0 else min((_PIXELS - 2) // width + 2, height)
        columns = (width - 1) * params["stride_x"] + params["kernel_width"]
        return _Ring(
            params["kernel_height"] + (spread - 1) * params["stride_y"],
            -(-columns * params["input_channels"] // 4) * 4,
        )


def _reads_ahead(params: Mapping[str, Any], channels: int) -> bool:
    """Whether outputs written from the input's beginning on only cover rows that were read."""
    if params["batches"] > 1:
        return False
    row_bytes = params["input_width"] * params["input_channels"]
    return all(
        written * channels <= read * row_bytes or read == params["input_height"]
        for written, read in _progress(params)
    )


def _progress(params: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Pixels written and input rows read, after each four pixels."""
    pixels = params["output_height"] * params["output_width"]
    for written in (*range(_PIXELS, pixels, _PIXELS), pixels):
        top = (written - 1) // params["output_width"] * params["stride_y"] - params["pad_top"]
        yield written, min(max(top + params["kernel_height"], 0), params["input_height"])
