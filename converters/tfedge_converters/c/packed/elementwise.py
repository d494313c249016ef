"""Sums of two tensors, four elements at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfedge_converters.c.kernel_call import KernelCall, Param
from tfedge_converters.c.packed.requantization import INT8


def repacked_add(call: KernelCall) -> KernelCall | None:
    """add_linear_s8 of operands of one shape, where all of int8 is allowed."""
    params: Mapping[str, Any] = call.params
    elements = {tensor.elements for tensor in (*call.operands, call.output)}
    if len(elements) > 1 or (params["output_min"], params["output_max"]) != INT8:
        return None
    names = ("a_factor", "b_factor", "constant", "shift")
    fields: dict[str, Param] = {name: params[name] for name in names}
    return call.packed_as(
        "add_fours_s8",
        {"count": call.output.elements, **fields},
    )
