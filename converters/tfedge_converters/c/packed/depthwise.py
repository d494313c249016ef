"""Depthwise convolutions by planes of vertical pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfedge_converters.c import packing
from tfedge_converters.c.kernel_call import Constant, KernelCall, Param
from tfedge_converters.c.packed.requantization import Requantization, requantization

_KERNEL = (3, 3)
_CHANNELS = 4

# What planes may take: an eighth of the larger tensor, within these bytes, but always two pairs of
# rows beside the one that is kept.
_LEAST_PLANES, _MOST_PLANES = 1 << 10, 1 << 12
_LEAST_STRIPE = 2


def repacked_depthwise_convolution(call: KernelCall) -> KernelCall | None:
    """depthwise_conv_2d_s8 of 3x3 with equal strides of 1 or 2."""
    params: Mapping[str, Any] = call.params
    strides = (params["stride_y"], params["stride_x"])
    channels = params["input_channels"]
    if (
        (params["kernel_height"], params["kernel_width"]) != _KERNEL
        or strides not in ((1, 1), (2, 2))
        or (params["dilation_y"], params["dilation_x"]) != (1, 1)
        or params["depth_multiplier"] != 1
        or channels % _CHANNELS
    ):
        return None
    weights = params["weights"].values.reshape(-1, channels).T
    found = requantization(params, weights)
    if found is None:
        return None
    width = (params["output_width"] - 1) * strides[1] + _KERNEL[1]
    pair_bytes = 4 * _CHANNELS * width
    largest = max(call.operands[0].byte_size, call.output.byte_size) // params["batches"]
    stripe = _stripe_pairs(pair_bytes, largest, params["output_height"], strides[0])
    fields: dict[str, Param] = {
        "batches": params["batches"],
        "input_height": params["input_height"],
        "input_width": params["input_width"],
        "channels": channels,
        "output_height": params["output_height"],
        "output_width": params["output_width"],
        "stride": strides[0],
        "pad_top": params["pad_top"],
        "pad_left": params["pad_left"],
        "input_zero_point": params["input_zero_point"],
        "plane_width": width,
        "stripe_pairs": stripe,
        "exact": int(found.exact),
        "rows": Constant("rows", _rows(weights, found), "nine weights, bias, multiplier, …"),
    }
    return call.packed_as(
        "depthwise_conv_2d_planes_s8",
        fields,
        takes_scratch=True,
        scratch_bytes=(stripe + 1) * pair_bytes,
        in_place=(0,) if params["batches"] == 1 else (),
        resizes=True,
    )


def _stripe_pairs(pair_bytes: int, tensor_bytes: int, height: int, stride: int) -> int:
    """How many pairs of rows are spread at a time."""
    room = min(max(tensor_bytes // 8, _LEAST_PLANES), _MOST_PLANES)
    every = -(-height // (2 if stride == 1 else 1))
    return min(max(room // pair_bytes - 1, _LEAST_STRIPE), every)


def _rows(weights: np.ndarray, found: Requantization) -> np.ndarray:
    """int32, (channels, words)."""
    parts = [packing.nines(weights), found.bias[:, None], found.scales]
    return np.concatenate(parts, axis=1)
