"""Kernels for a kind of core, in place of those for any core.

A packed kernel takes over a call of a natural one: operands are checked where the operator is
lowered, and its own order of the weights is made of the natural ones. Whatever a packed kernel
cannot compute stays with the natural kernel, so that a packing refuses no model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.packed import channels, int4_weights, lanes, pairs, skipping, sparse_blocks

# Makes a call of a packed kernel of one of a natural kernel; None where it cannot compute that.
Repack = Callable[[KernelCall], "KernelCall | None"]

# Kernels for any core.
NATURAL = "natural"

# By what targets call their packing: natural kernel to packed one.
PACKED_KERNELS: Mapping[str, Mapping[str, Repack]] = {
    NATURAL: {},
    "pairs": pairs.KERNELS,
    "skipping": skipping.KERNELS,
    "lanes": lanes.KERNELS,
    "channels": channels.KERNELS,
}

# Packed kernels that read weights in a form that takes less flash, beside the usual ones.
_COMPACT_PAIRS: Mapping[str, Sequence[Repack]] = {
    "conv_2d_s8": (int4_weights.repacked_convolution, sparse_blocks.repacked_convolution),
    "fully_connected_s8": (
        int4_weights.repacked_fully_connected,
        sparse_blocks.repacked_fully_connected,
    ),
}
COMPACT_KERNELS: Mapping[str, Mapping[str, Sequence[Repack]]] = {
    NATURAL: {},
    "pairs": _COMPACT_PAIRS,
    "skipping": _COMPACT_PAIRS,
    "lanes": {},
    "channels": {},
}


def packed(lowered: Lowered, packing: str) -> Lowered:
    """The same operator with the kernels of a packing, as far as there are any for it.

    Args:
        lowered: calls of natural kernels.
        packing: a key of `PACKED_KERNELS`.
    """
    return replace(lowered, calls=tuple(packed_call(call, packing) for call in lowered.calls))


def compact_calls(call: KernelCall, packing: str) -> Iterator[KernelCall]:
    """A natural call by each kernel that reads its weights in a form that they have."""
    for repack in COMPACT_KERNELS[packing].get(call.kernel, ()):
        found = repack(call)
        if found is not None:
            yield found


def packed_call(call: KernelCall, packing: str) -> KernelCall:
    """The same for one call."""
    repack = PACKED_KERNELS[packing].get(call.kernel)
    return (repack(call) if repack else None) or call
