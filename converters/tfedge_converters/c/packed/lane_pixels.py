"""1x1 convolutions, and dense layers of several rows, in lanes of vectors."""

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
from tfedge_converters.c.packed.pixels import Pixels, pixels_call

# What the weights of four channels are loaded for once: enough to forget the loading.
_BLOCK_PIXELS = 48


def lane_pixels_call(
    call: KernelCall, matmul: Mapping[str, Any], constants: ChannelConstants, pixels: Pixels
) -> KernelCall:
    """A product of pixels, which are read where they lie, with the weights.

    Args:
        call: of the natural kernel.
        matmul: its parameters of the product.
        constants: of the same.
        pixels: of the input.
    """
    channels, depth = matmul["channels"], matmul["depth"]
    if pixels.are_dense(depth) and _is_shallow(matmul):
        return _shallow_call(call, matmul, constants, pixels.pixels)
    weights = matmul["weights"].values.reshape(channels, depth)
    product = matmul_fields(matmul, constants, weights)
    return pixels_call(call, "conv_2d_1x1_lanes_s8", pixels, product, sums_bytes(channels))


def matmul_fields(
    matmul: Mapping[str, Any], constants: ChannelConstants, weights: np.ndarray
) -> dict[str, Param]:
    """Return the fields of a tfedge_matmul_lanes_s8_params.

    Args:
        matmul: the natural kernel's.
        constants: of the same.
        weights: int8, (channels, depth), in the order of the values of a pixel.
    """
    channels, depth = weights.shape
    order = "[channels / 3][vectors][3][16], each that is left [vectors][16]"
    return {
        "depth": depth,
        "channels": channels,
        "threes": channels - channels % lane_packing.THREE,
        "sums_step": _sums_step(channels),
        "weights": Constant("weights", lane_packing.threes(weights), order),
        "rows": constants.rows(),
        "output": output_fields(matmul),
    }


def sums_bytes(channels: int) -> int:
    """Scratch memory of tfedge_matmul_lanes_s8."""
    return 2 * 4 * _sums_step(channels)


def _sums_step(channels: int) -> int:
    return -(-channels // lane_packing.FOUR) * lane_packing.FOUR


def _is_shallow(matmul: Mapping[str, Any]) -> bool:
    """Whether a pixel is one vector, and channels come in fours."""
    is_vector = matmul["depth"] <= lane_packing.LANES
    return is_vector and matmul["channels"] % lane_packing.FOUR == 0 and is_limited_by_int8(matmul)


def _shallow_call(
    call: KernelCall, matmul: Mapping[str, Any], constants: ChannelConstants, pixels: int
) -> KernelCall:
    channels, depth = matmul["channels"], matmul["depth"]
    block = min(pixels, _BLOCK_PIXELS)
    weights = lane_packing.fours(matmul["weights"].values.reshape(channels, depth))
    return call.packed_as(
        "conv_2d_1x1_shallow_lanes_s8",
        {
            "pixels": pixels,
            "block_pixels": block,
            "backwards": int(channels > depth),
            "depth": depth,
            "channels": channels,
            "weights": Constant("weights", weights, "[channels / 4][4][16]"),
            "rows": constants.rows(),
            "output": output_fields(matmul),
        },
        takes_scratch=True,
        scratch_bytes=block * depth,
        in_place=(0,),
        resizes=True,
    )
