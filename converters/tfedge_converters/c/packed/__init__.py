"""Kernels for a kind of core, in place of those for any core.

A packed kernel takes over a call of a natural one: operands are checked where the operator is
lowered, and its own order of the weights is made of the natural ones. Whatever a packed kernel
cannot compute stays with the natural kernel, so that a packing refuses no model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.packed import channels, lanes, pairs

# Makes a call of a packed kernel of one of a natural kernel; None where it cannot compute that.
Repack = Callable[[KernelCall], "KernelCall | None"]

# Kernels for any core.
NATURAL = "natural"

# By what targets call their packing: natural kernel to packed one.
PACKED_KERNELS: Mapping[str, Mapping[str, Repack]] = {
    NATURAL: {},
    "pairs": pairs.KERNELS,
    "lanes": lanes.KERNELS,
    "channels": channels.KERNELS,
}


def packed(lowered: Lowered, packing: str) -> Lowered:
    """The same operator with the kernels of a packing, as far as there are any for it.

    Args:
        lowered: calls of natural kernels.
        packing: a key of `PACKED_KERNELS`.
    """
    calls = tuple(_packed_call(call, PACKED_KERNELS[packing]) for call in lowered.calls)
    return replace(lowered, calls=calls)


def _packed_call(call: KernelCall, kernels: Mapping[str, Repack]) -> KernelCall:
    repack = kernels.get(call.kernel)
    return (repack(call) if repack else None) or call
