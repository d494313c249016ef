"""Averages of windows, four channels at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfedge_converters.c.kernel_call import KernelCall, Param
from tfedge_converters.c.packed.requantization import INT8

_CHANNELS = 4

# Sums of as many int8 fit into 16 bits.
_MOST_TAPS = 255


def repacked_average_pool(call: KernelCall) -> KernelCall | None:
    """average_pool_2d_s8 of small windows, where all of int8 is allowed."""
    params: Mapping[str, Any] = call.params
    taps = min(params["kernel_height"], params["input_height"]) * min(
        params["kernel_width"], params["input_width"]
    )
    if (
        params["channels"] % _CHANNELS
        or taps > _MOST_TAPS
        or params["offset"]
        or (params["output_min"], params["output_max"]) != INT8
    ):
        return None
    others = ("output_min", "output_max", "offset")
    fields: dict[str, Param] = {n: value for n, value in params.items() if n not in others}
    return call.packed_as("average_pool_2d_fours_s8", fields)
