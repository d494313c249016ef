"""TFLite Micro's plan of tensors and scratch buffers, computed as its GreedyMemoryPlanner does.

Source: micro_allocation_info.cc and memory_planner/greedy_memory_planner.cc.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfedge_converters.c.memory import Buffer
from tfedge_converters.graph import Graph, Tensor

ALIGNMENT = 16


def lifetimes(graph: Graph) -> dict[int, Buffer]:
    """The tensors that share memory, by their id: bytes, and the steps that they are needed in.

    Step 0 is that of the inputs, and operator i is step i + 1. Outputs stay until the end.
    """
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for tensor in graph.inputs:
        first.setdefault(id(tensor), 0)
        last[id(tensor)] = 0
    for step, operator in enumerate(graph.operators, 1):
        for tensor in operator.outputs:
            first.setdefault(id(tensor), step)
            last[id(tensor)] = step
        for operand in operator.inputs:
            if operand is not None:
                last[id(operand)] = step
    for tensor in graph.outputs:
        first.setdefault(id(tensor), len(graph.operators))
        last[id(tensor)] = len(graph.operators)
    return {
        id(tensor): Buffer(_aligned(tensor.byte_size), first[id(tensor)], last[id(tensor)])
        for tensor in graph.tensors()
        if _shares_memory(tensor) and id(tensor) in first
    }


def greedy_size(
    buffers: Sequence[Buffer], scratch: Sequence[Buffer], offsets: Mapping[int, int] | None = None
) -> int:
    """Bytes that the planner takes for tensors and scratch buffers.

    Args:
        buffers: tensors, in the order of the file.
        scratch: scratch buffers, in the order of their requests.
        offsets: index in `buffers` to an offset that was planned; others are placed.
    """
    given = offsets or {}
    everything = [*buffers, *scratch]
    placed: list[tuple[int, Buffer]] = []
    for index, offset in given.items():
        placed.append((offset, everything[index]))
    free = [index for index in range(len(everything)) if index not in given]
    for index in sorted(free, key=lambda i: (-_aligned(everything[i].size), -i)):
        buffer = everything[index]
        size, offset = _aligned(buffer.size), 0
        for start, other in sorted(placed, key=lambda item: item[0]):
            if not other.overlaps(buffer):
                continue
            if start - offset >= size:
                break
            offset = max(offset, start + _aligned(other.size))
        placed.append((offset, buffer))
    return max((offset + _aligned(buffer.size) for offset, buffer in placed), default=0)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _shares_memory(tensor: Tensor) -> bool:
    return not tensor.is_constant and not tensor.is_variable and tensor.byte_size > 0
