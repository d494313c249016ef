"""How often a call reads and writes memory, to tell what gains most by being in fast memory.

These are estimates that only have to put tensors and constants in order: what a kernel loads from
its scratch memory for each multiplication counts there, what it copies first counts once, and
weights count once for all pixels that are computed together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfedge_converters.c.kernel_call import KernelCall

# Rows of a product, and its channels, that a kernel computes together: each weight is loaded once
# for so many rows, each activation once for so many channels.
_TOGETHER: Mapping[str, tuple[int, int]] = {
    "conv_2d_s8": (2, 2),
    "fully_connected_s8": (1, 4),
    "conv_2d_pairs_s8": (4, 2),
    "matmul_pairs_s8": (4, 2),
    "fully_connected_pairs_s8": (1, 4),
    "fully_connected_skipping_s8": (1, 8),
    "conv_2d_channels_s8": (3, 32),
    "conv_2d_1x1_channels_s8": (3, 32),
    "fully_connected_channels_s8": (1, 32),
    "conv_2d_blocks_s8": (4, 2),
    "conv_2d_int4_s8": (4, 2),
    "matmul_int4_s8": (4, 2),
    "matmul_blocks_s8": (4, 2),
    "fully_connected_blocks_s8": (1, 1),
    "fully_connected_int4_s8": (1, 4),
    "conv_2d_lanes_s8": (2, 3),
    "conv_2d_1x1_lanes_s8": (2, 3),
    "conv_2d_1x1_shallow_lanes_s8": (48, 4),
}
_BY_THEMSELVES = (1, 1)


@dataclass(frozen=True)
class Accesses:
    """Reads and writes of one call, by values.

    Attributes:
        operand: of each operand's values, in all.
        output: of the output's.
        scratch: of the scratch memory's.
        constants: of all constants together, in proportion to what they have.
    """

    operand: int
    output: int
    scratch: int
    constants: int


def accesses_of(call: KernelCall) -> Accesses:
    """Estimate how often a call accesses what."""
    rows, channels = _TOGETHER.get(call.kernel, _BY_THEMSELVES)
    outputs = call.output.elements
    values = max((tensor.elements for tensor in call.operands), default=0)
    loads = max(call.macs // channels, values)
    return Accesses(
        operand=values if call.scratch_bytes else loads,
        output=outputs,
        scratch=loads + call.scratch_bytes if call.scratch_bytes else 0,
        constants=max(call.macs // rows, outputs),
    )
