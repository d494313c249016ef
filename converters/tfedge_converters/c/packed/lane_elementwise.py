"""Sums and means in lanes of vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tfedge_converters.c.kernel_call import KernelCall

# Values of all windows: with fewer, the natural kernel takes fewer instructions.
_LEAST_POOLED = 256


def repacked_add(call: KernelCall) -> KernelCall | None:
    """add_linear_s8 of two operands of one shape."""
    params: Mapping[str, Any] = call.params
    shape = params["shape"]
    *outer, count = shape["extent"]
    if set(outer) != {1} or not shape["a"][-1] == shape["b"][-1] == 1:
        return None
    return call.packed_as(
        "add_lanes_s8",
        {"count": count} | {k: v for k, v in params.items() if k != "shape"},
    )


def repacked_average_pool(call: KernelCall) -> KernelCall | None:
    """Lower average_pool_2d_s8 to lanes, unless preparing takes longer than the natural kernel."""
    params: Mapping[str, Any] = call.params
    taps = params["kernel_height"] * params["kernel_width"]
    if call.output.elements * taps < _LEAST_POOLED:
        return None
    return replace(
        call,
        kernel="average_pool_2d_lanes_s8",
        header="average_pool_2d_lanes_s8",
        specialises=False,
    )
