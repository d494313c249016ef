"""DEPTHWISE_CONV_2D in lanes of vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfedge_converters.c import lane_packing
from tfedge_converters.c.kernel_call import Constant, KernelCall, Param
from tfedge_converters.c.packed.lane_sums import (
    ChannelConstants,
    is_limited_by_int8,
    output_fields,
)
from tfedge_converters.c.packed.row_window import RowWindow, reads_ahead, strides

# Rows of outputs of a patch.
_PATCH_ROWS = 2

# Scratch memory that is worth the speed whatever tensors take.
_CHEAP_BYTES = 4096


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
    window = RowWindow.of(params)
    return _by_taps(call, constants, window) if _is_affordable(call, window) else None


def _is_affordable(call: KernelCall, window: RowWindow) -> bool:
    """Whether dilated taps do not lie so far apart that their rows take more than the tensors."""
    tensors = call.operands[0].byte_size + call.output.byte_size
    return window.scratch_bytes <= max(tensors, _CHEAP_BYTES)


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
    window = RowWindow.of(params, together=_PATCH_ROWS)
    weights = lane_packing.patches(params["weights"].values)
    interleaved = 4 * (-(-window.row // lane_packing.LANES) * lane_packing.LANES)
    return call.packed_as(
        "depthwise_conv_2d_3x3_lanes_s8",
        {
            "batches": params["batches"],
            "output_height": params["output_height"],
            "output_width": params["output_width"],
            "channels": channels,
            "weights": Constant("weights", weights, "[channels][17], zeros"),
            "rows": Constant("rows", constants.columns.T, "[channels]: bias, multiplier, shift"),
            "output_zero_point": params["output_zero_point"],
            "window": window.fields,
        },
        takes_scratch=True,
        scratch_bytes=interleaved + window.scratch_bytes,
        in_place=(0,) if reads_ahead(params, channels) else (),
        resizes=True,
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
            **_vector_fields(params),
            "pairs": weights.shape[1] // 2,
            "offsets": Constant("offsets", _tap_offsets(params, window.row), "of taps"),
            "weights": Constant("weights", weights, "[channels / 16][taps][16]"),
            "rows": Constant("rows", rows, order),
            "window": window.fields,
            "output": output_fields(params),
        },
        takes_scratch=True,
        scratch_bytes=window.scratch_bytes,
        in_place=(0,) if reads_ahead(params, channels) else (),
        resizes=True,
    )


def _vector_fields(params: Mapping[str, Any]) -> dict[str, Param]:
    """Return the vectors of an output row: of one pixel's channels, or of several pixels'."""
    channels = params["input_channels"]
    lanes = lane_packing.LANES
    values = params["output_width"] * channels
    if strides(params)[1] == 1 and lanes % channels == 0:
        return {
            "blocks": 1,
            "steps": -(-values // lanes),
            "input_step": lanes,
            "output_step": lanes,
            "values": values,
            "values_step": lanes,
        }
    return {
        "blocks": -(-channels // lanes),
        "steps": params["output_width"],
        "input_step": strides(params)[1] * channels,
        "output_step": channels,
        "values": channels,
        "values_step": 0,
    }


def _tap_offsets(params: Mapping[str, Any], row: int) -> np.ndarray:
    """Where taps lie, filled up to pairs with one whose weights are 0."""
    y, x = np.indices((params["kernel_height"], params["kernel_width"])).reshape(2, -1)
    offsets = y * params["dilation_y"] * row + x * params["dilation_x"] * params["input_channels"]
    return np.pad(offsets, (0, offsets.size % 2), mode="edge").astype(np.int32)
