"""DEPTHWISE_CONV_2D in lanes of vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfedge_converters.c import lane_packing
from tfedge_converters.c.kernel_call import Constant, KernelCall
from tfedge_converters.c.packed.lane_sums import (
    ChannelConstants,
    is_limited_by_int8,
    output_fields,
)
from tfedge_converters.c.packed.row_vectors import is_affordable, tap_offsets, vector_fields
from tfedge_converters.c.packed.row_window import RowWindow, overlap, strides

# Rows of outputs of a patch, and of the words that they are computed from.
_PATCH_ROWS, _WORD_ROWS = 2, 4

# What a tfedge_depthwise_conv_2d_3x3_lanes_s8_params has of the natural kernel's.
_PATCH_FIELDS = (
    "batches",
    "input_height",
    "input_width",
    "output_height",
    "output_width",
    "pad_top",
    "pad_left",
    "input_zero_point",
    "output_zero_point",
)


def repacked_depthwise_convolution(call: KernelCall) -> KernelCall | None:
    """depthwise_conv_2d_s8 with as many outputs as inputs."""
    params: Mapping[str, Any] = call.params
    constants = ChannelConstants.of(params)
    if constants is None or params["depth_multiplier"] != 1:
        return None
    if _has_patches(params):
        return _in_patches(call, constants)
    # A sum of two products fits into int16, unless both are (-128) * (-128).
    if params["weights"].values.min() == -128:
        return None
    window = RowWindow.of(params, lane_packing.LANES)
    is_worth_it = is_affordable(call, window.scratch_bytes)
    return _by_taps(call, constants, window) if is_worth_it else None


def _has_patches(params: Mapping[str, Any]) -> bool:
    """Whether the kernel for 3x3 taps computes it, which is the faster one."""
    steps = {params[f"{name}_{axis}"] for name in ("stride", "dilation") for axis in "yx"}
    return (
        (params["kernel_height"], params["kernel_width"]) == (3, 3)
        and steps == {1}
        and min(params["output_height"], params["output_width"]) >= _PATCH_ROWS
        and is_limited_by_int8(params)
    )


def _in_patches(call: KernelCall, constants: ChannelConstants) -> KernelCall:
    """Lanes are four rows of four columns."""
    params: Mapping[str, Any] = call.params
    channels = params["input_channels"]
    weights = lane_packing.patches(params["weights"].values)
    columns = max(params["pad_left"] + params["input_width"], params["output_width"] + 2)
    return call.packed_as(
        "depthwise_conv_2d_3x3_lanes_s8",
        {
            **{name: params[name] for name in _PATCH_FIELDS},
            "channels": channels,
            "columns": columns,
            "weights": Constant("weights", weights, "[channels][17], zeros"),
            "rows": Constant("rows", constants.columns.T, "[channels]: bias, multiplier, shift"),
        },
        takes_scratch=True,
        scratch_bytes=columns * lane_packing.LANES * _WORD_ROWS,
        **overlap(params, channels),
    )


def _by_taps(call: KernelCall, constants: ChannelConstants, window: RowWindow) -> KernelCall:
    """Lanes are values of an output row."""
    params: Mapping[str, Any] = call.params
    channels = params["input_channels"]
    weights = lane_packing.taps(params["weights"].values.reshape(-1, channels))
    rows = lane_packing.product_rows(constants.columns)
    order = "[channels / 16][4]: biases, multipliers, shifts"
    return call.packed_as(
        "depthwise_conv_2d_lanes_s8",
        {
            "batches": params["batches"],
            "output_height": params["output_height"],
            "output_row": params["output_width"] * channels,
            "stride_y": strides(params)[0],
            **vector_fields(params, lane_packing.LANES, "blocks"),
            "pairs": weights.shape[1] // 2,
            "offsets": Constant("offsets", _even(tap_offsets(params, window.row)), "of taps"),
            "weights": Constant("weights", weights, "[channels / 16][taps][16]"),
            "rows": Constant("rows", rows, order),
            "window": window.fields,
            "output": output_fields(params),
        },
        takes_scratch=True,
        scratch_bytes=window.scratch_bytes,
        **overlap(params, channels),
    )


def _even(offsets: np.ndarray) -> np.ndarray:
    """Filled up to pairs with a tap whose weights are 0."""
    return np.pad(offsets, (0, offsets.size % 2), mode="edge")
