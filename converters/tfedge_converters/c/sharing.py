"""Which calls get code of their own, and which share the one instance of their kernel.

A call that inlines its kernel's body has code for its literal shape: fast, and smaller than the
instance, which is for any shape. The instance is paid for once, and then every call costs no more
than its parameters. Which is less depends on the kernel and on how many calls there are;
`code_bytes.py` has what was measured.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfedge_converters.c.code_bytes import (
    CODE_BYTES,
    INNER_BYTES,
    LAYER_BYTES,
    PROGRAM_BYTES,
    CodeBytes,
)
from tfedge_converters.c.kernel_call import KernelCall

# A call with at least this share of the multiplications is worth code of its own for its speed.
_BALANCED_SHARE = 1 / 20

# Code for literal shapes differs from what is typical of the kernel by about this share.
_DOUBT = 0.15


def every_call(calls: Sequence[KernelCall]) -> frozenset[int]:
    """All calls that can have code of their own, as `id`: literal shapes make the fastest."""
    return frozenset(id(call) for call in calls if call.specialises)


def balanced_calls(calls: Sequence[KernelCall]) -> frozenset[int]:
    """The calls that take most of the time, and others where that makes no more code."""
    least = _BALANCED_SHARE * max(sum(call.macs for call in calls), 1)
    return _least_code(calls, every_call([call for call in calls if call.macs >= least]))


def smallest_calls(calls: Sequence[KernelCall]) -> frozenset[int]:
    """The calls whose own code is less than what sharing an instance would take."""
    return _least_code(calls, frozenset())


def no_call(calls: Sequence[KernelCall]) -> frozenset[int]:
    """None: every call goes through its kernel's instance, whatever that costs."""
    return frozenset()


# What chooses the calls with code of their own. "shared" is there to try the instances.
OPTIMIZATIONS: Mapping[str, Callable[[Sequence[KernelCall]], frozenset[int]]] = {
    "speed": every_call,
    "balanced": balanced_calls,
    "size": smallest_calls,
    "shared": no_call,
}


def code_estimate(calls: Sequence[KernelCall], specialised: frozenset[int]) -> int:
    """Bytes of code and of kernels' parameters, for Cortex-M4 at -O2.

    Args:
        calls: all of a program.
        specialised: the `id` of those with code of their own.
    """
    instances: dict[str, int] = {}
    reached: set[str] = set()
    total = PROGRAM_BYTES
    for call in calls:
        known = code_bytes_of(call)
        total += LAYER_BYTES
        if id(call) in specialised:
            total += known.own
            reached.update(known.reaches)
        else:
            total += known.call
            instances[call.kernel] = known.instance
            reached.update(CODE_BYTES[call.kernel].reaches if call.kernel in CODE_BYTES else ())
    return total + sum(instances.values()) + sum(INNER_BYTES[name] for name in reached)


def code_bytes_of(call: KernelCall) -> CodeBytes:
    """The measured row for a call, or what is typical of kernels."""
    return CODE_BYTES.get(variant_of(call)) or CODE_BYTES.get(call.kernel) or _TYPICAL


def variant_of(call: KernelCall) -> str:
    """The kernel, and which part of its body is left where shapes are literal."""
    variant = _VARIANTS.get(call.kernel, _only)(call.params)
    return f"{call.kernel}/{variant}" if variant else call.kernel


def _least_code(calls: Sequence[KernelCall], wanted: frozenset[int]) -> frozenset[int]:
    """`wanted`, and of each other kernel's calls either all or none, whatever makes less code.

    It begins with all, and lets calls share only where that saves more than the estimate of their
    own code may be off, so that no result takes more code than speed does.
    """
    chosen = every_call(calls)
    others: dict[str, list[KernelCall]] = defaultdict(list)
    for call in calls:
        if id(call) not in wanted:
            others[call.kernel].append(call)
    least = code_estimate(calls, chosen)
    for kernel in sorted(others):
        shared = chosen - every_call(others[kernel])
        estimate = code_estimate(calls, shared)
        doubt = _DOUBT * sum(code_bytes_of(call).own for call in others[kernel])
        if estimate + doubt < least:
            chosen, least = shared, estimate
    return chosen


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

_TYPICAL = CodeBytes(500, 110, 80)
