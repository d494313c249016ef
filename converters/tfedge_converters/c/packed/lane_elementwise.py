"""Sums and means in lanes of vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tfedge_converters.c.kernel_call import KernelCall


def repacked_add(call: KernelCall) -> KernelCall | None:
    """add_linear_s8 of two operands of one shape."""
    params: Mapping[str, Any] = call.params
    shape = params["shape"]
    *outer, count = shape["extent"]
    if set(outer) != {1} or not shape["a"][-1] == shape["b"][-1] == 1:
        return None
    return replace(
        call,
        kernel="add_lanes_s8",
        header="add_lanes_s8",
        struct="add_lanes_s8",
        params={"count": count} | {k: v for k, v in params.items() if k != "shape"},
        specialises=False,
    )


def repacked_average_pool(call: KernelCall) -> KernelCall:
    """Lower average_pool_2d_s8 to lanes."""
    return replace(
        call,
        kernel="average_pool_2d_lanes_s8",
        header="average_pool_2d_lanes_s8",
        specialises=False,
    )
