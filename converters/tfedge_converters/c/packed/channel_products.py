"""CONV_2D and FULLY_CONNECTED in groups of channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tfedge_converters.c import channel_packing
from tfedge_converters.c.kernel_call import Constant, KernelCall, Param
from tfedge_converters.c.packed.columns import Columns, columns_call
from tfedge_converters.c.packed.lane_sums import ChannelConstants, output_fields
from tfedge_converters.c.packed.pixels import Pixels, is_pointwise, pixels_call


def repacked_fully_connected(call: KernelCall) -> KernelCall | None:
    """fully_connected_s8, which is a 1x1 convolution too."""
    params: Mapping[str, Any] = call.params
    matmul, rows = params["matmul"], params["rows"]
    constants = ChannelConstants.of(matmul)
    if constants is None:
        return None
    product = _product(matmul, constants, _weights(matmul))
    if rows > 1:
        return _pixels(call, Pixels.of_rows(rows, matmul["depth"]), product)
    packed = call.packed_as("fully_connected_channels_s8", product)
    return replace(packed, struct="matmul_channels_s8")


def repacked_convolution(call: KernelCall) -> KernelCall | None:
    """conv_2d_s8 without dilation."""
    params: Mapping[str, Any] = call.params
    matmul = params["matmul"]
    constants = ChannelConstants.of(matmul)
    if constants is None or (params["dilation_y"], params["dilation_x"]) != (1, 1):
        return None
    if is_pointwise(params):
        product = _product(matmul, constants, _weights(matmul))
        return _pixels(call, Pixels.of_convolution(params), product)
    columns = Columns.of(params)
    product = _product(matmul, constants, columns.weights)
    return columns_call(call, "conv_2d_channels_s8", columns, product, _sums_bytes(product))


def scale_fields(constants: ChannelConstants) -> dict[str, Param]:
    """Return the fields of a tfedge_channels_scales: of one group where all are the same."""
    scales = constants.columns[1:]
    is_shared = bool((scales == scales[:, :1]).all())
    multipliers, shifts = scales[:, : channel_packing.GROUP] if is_shared else scales
    return {
        "multipliers": Constant("multipliers", multipliers),
        "right_shifts": Constant("right_shifts", -shifts),
        "each": int(not is_shared),
    }


def _pixels(call: KernelCall, pixels: Pixels, product: Mapping[str, Param]) -> KernelCall:
    return pixels_call(call, "conv_2d_1x1_channels_s8", pixels, product, _sums_bytes(product))


def _weights(matmul: Mapping[str, Any]) -> np.ndarray:
    return np.reshape(matmul["weights"].values, (matmul["channels"], matmul["depth"]))


def _product(
    matmul: Mapping[str, Any], constants: ChannelConstants, weights: np.ndarray
) -> dict[str, Param]:
    """Return the fields of a tfedge_matmul_channels_s8_params."""
    channels, depth = weights.shape
    order = "[channels / 32][depth][channels of the group]"
    return {
        "depth": depth,
        "channels": channels,
        "weights": Constant("weights", channel_packing.groups(weights), order),
        "bias": Constant("bias", constants.bias, "less the input's zero point times weights"),
        "scales": scale_fields(constants),
        "output": output_fields(matmul),
    }


def _sums_bytes(product: Mapping[str, Any]) -> int:
    """Scratch memory of tfedge_matmul_channels_s8."""
    channels = int(product["channels"])
    return 4 * channel_packing.pixels_together(channels) * channels
