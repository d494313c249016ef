"""CONV_2D and FULLY_CONNECTED in lanes of vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfedge_converters.c import lane_packing
from tfedge_converters.c.kernel_call import Constant, KernelCall, Param
from tfedge_converters.c.packed.lane_pixels import Pixels, matmul_fields, pixels_call, sums_bytes
from tfedge_converters.c.packed.lane_sums import ChannelConstants, output_fields
from tfedge_converters.c.packed.row_window import reads_ahead, strides

# What a tfedge_conv_2d_lanes_s8_params has of the natural kernel's.
_WINDOW_FIELDS = (
    "batches",
    "input_height",
    "input_width",
    "input_channels",
    "output_height",
    "output_width",
    "kernel_height",
    "pad_top",
    "pad_left",
    "input_zero_point",
)


def repacked_fully_connected(call: KernelCall) -> KernelCall | None:
    """fully_connected_s8, which is a 1x1 convolution too."""
    params: Mapping[str, Any] = call.params
    matmul, rows = params["matmul"], params["rows"]
    constants = ChannelConstants.of(matmul)
    if constants is None:
        return None
    channels, depth = matmul["channels"], matmul["depth"]
    if rows > 1:
        return pixels_call(call, matmul, constants, Pixels(1, rows, rows * depth, depth))
    weights = lane_packing.fours(matmul["weights"].values.reshape(channels, depth))
    return call.packed_as(
        "fully_connected_lanes_s8",
        {
            "depth": depth,
            "channels": channels,
            "weights": Constant("weights", weights, "[channels / 4][vectors][4][16]"),
            **_scale_fields(constants),
            "output": output_fields(matmul),
        },
    )


def _scale_fields(constants: ChannelConstants) -> dict[str, Param]:
    """Biases by fours, and scales by fours or, where one is all channels', once."""
    scales = constants.columns[1:]
    is_shared = bool((scales == scales[:, :1]).all())
    if is_shared:
        scales = np.broadcast_to(scales[:, :1], (2, lane_packing.FOUR))
    bias = np.pad(constants.bias, (0, -constants.bias.size % lane_packing.FOUR))
    return {
        "bias": Constant("bias", bias, "less the input's zero point times weights"),
        "scales": Constant(
            "scales", lane_packing.requantization_rows(scales), "multipliers, shifts"
        ),
        "scales_step": 0 if is_shared else 2 * lane_packing.FOUR,
    }


def repacked_convolution(call: KernelCall) -> KernelCall | None:
    """conv_2d_s8 without dilation."""
    params: Mapping[str, Any] = call.params
    constants = ChannelConstants.of(params["matmul"])
    if constants is None or (params["dilation_y"], params["dilation_x"]) != (1, 1):
        return None
    if params["batches"] * params["kernel_height"] * params["kernel_width"] == 1:
        return pixels_call(call, params["matmul"], constants, _strided_pixels(params))
    return _windowed(call, constants)


def _strided_pixels(params: Mapping[str, Any]) -> Pixels:
    depth = params["input_channels"]
    stride_y, stride_x = strides(params)
    return Pixels(
        rows=params["output_height"],
        pixels=params["output_width"],
        row_step=stride_y * params["input_width"] * depth,
        pixel_step=stride_x * depth,
    )


def _windowed(call: KernelCall, constants: ChannelConstants) -> KernelCall:
    """Kernels of several pixels, on columns of the rows that they see."""
    params: Mapping[str, Any] = call.params
    matmul = params["matmul"]
    channels, depth = matmul["channels"], params["input_channels"]
    taps = (channels, params["kernel_height"], params["kernel_width"], depth)
    by_columns = matmul["weights"].values.reshape(taps).transpose(0, 2, 1, 3)
    seen = (params["output_width"] - 1) * params["stride_x"] + params["kernel_width"]
    columns = max(params["pad_left"] + params["input_width"], seen)
    column_bytes = params["kernel_height"] * depth
    stride_y, stride_x = strides(params)
    return call.packed_as(
        "conv_2d_lanes_s8",
        {
            **{name: params[name] for name in _WINDOW_FIELDS},
            "stride_y": stride_y,
            "stride_x": stride_x,
            "columns": columns,
            "matmul": matmul_fields(matmul, constants, by_columns.reshape(channels, -1)),
        },
        scratch_bytes=sums_bytes(channels) + depth + columns * column_bytes,
        in_place=(0,) if reads_ahead(params, channels) else (),
        resizes=True,
    )
