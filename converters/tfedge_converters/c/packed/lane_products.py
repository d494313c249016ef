"""CONV_2D and FULLY_CONNECTED in lanes of vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfedge_converters.c import lane_packing
from tfedge_converters.c.kernel_call import Constant, KernelCall, Param
from tfedge_converters.c.packed.columns import Columns, columns_call
from tfedge_converters.c.packed.lane_pixels import lane_pixels_call, matmul_fields, sums_bytes
from tfedge_converters.c.packed.lane_sums import ChannelConstants, output_fields
from tfedge_converters.c.packed.pixels import Pixels, is_pointwise


def repacked_fully_connected(call: KernelCall) -> KernelCall | None:
    """fully_connected_s8, which is a 1x1 convolution too."""
    params: Mapping[str, Any] = call.params
    matmul, rows = params["matmul"], params["rows"]
    constants = ChannelConstants.of(matmul)
    if constants is None:
        return None
    channels, depth = matmul["channels"], matmul["depth"]
    if rows > 1:
        return lane_pixels_call(call, matmul, constants, Pixels.of_rows(rows, depth))
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
    matmul = params["matmul"]
    if is_pointwise(params):
        return lane_pixels_call(call, matmul, constants, Pixels.of_convolution(params))
    columns = Columns.of(params)
    product = matmul_fields(matmul, constants, columns.weights)
    sums = sums_bytes(matmul["channels"])
    return columns_call(call, "conv_2d_lanes_s8", columns, product, sums)
