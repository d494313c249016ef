"""Which part of a kernel's body a call takes: what tables of bytes and of instructions go by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tfedge_converters.c.kernel_call import KernelCall


def variant_of(call: KernelCall) -> str:
    """The kernel, and which part of its body is left where shapes are literal."""
    variant = _VARIANTS.get(call.kernel, _only)(call.params)
    return f"{call.kernel}/{variant}" if variant else call.kernel


def timed_variant_of(call: KernelCall) -> str:
    """The same, and which of the loops run that any shape has code for."""
    params: Mapping[str, Any] = call.params
    dense = params.get("dense", params)
    exact = dense.get("product", dense).get("exact", 0)
    stride = params.get("stride", 1)
    marks = ["exact"] * (exact != 0) + [f"stride_{stride}"] * (stride != 1)
    return "/".join([variant_of(call), *marks])


def _only(params: Mapping[str, Any]) -> str:
    return ""


def _of_fully_connected(params: Mapping[str, Any]) -> str:
    return "one_row" if params["rows"] == 1 else ""


def _of_convolution(params: Mapping[str, Any]) -> str:
    """Windows that never leave the input need no checks."""
    inside = _is_inside(params, "y", "height", "top") and _is_inside(params, "x", "width", "left")
    return "inside" if inside else ""


def _is_inside(params: Mapping[str, Any], axis: str, extent: str, begin: str) -> bool:
    before = params[f"pad_{begin}"]
    last = (params[f"output_{extent}"] - 1) * params[f"stride_{axis}"] - before
    reach = (params[f"kernel_{extent}"] - 1) * params[f"dilation_{axis}"]
    return before == 0 and last + reach < params[f"input_{extent}"]


def _of_depthwise_convolution(params: Mapping[str, Any]) -> str:
    return "" if params["depth_multiplier"] == 1 and params["input_channels"] >= 4 else "by_one"


_VARIANTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "conv_2d_s8": _of_convolution,
    "depthwise_conv_2d_s8": _of_depthwise_convolution,
    "fully_connected_s8": _of_fully_connected,
}
