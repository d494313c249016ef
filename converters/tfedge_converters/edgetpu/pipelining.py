"""Where to cut a model for several Edge TPUs in a row, so that all parameters stay on chips."""

from __future__ import annotations

from dataclasses import dataclass

from tfedge.errors import TfedgeError
from tfedge_converters.accelerators.mapping import GraphMapping
from tfedge_converters.accelerators.memory import MemoryUse
from tfedge_converters.graph.types import Graph, Tensor


@dataclass(frozen=True)
class Segment:
    """Operators that one TPU computes.

    Attributes:
        first, last: positions of its operators in the graph, both included.
        parameter_bytes: of all of them.
        fits: whether that stays on one chip.
        outputs: names of the tensors that the next one needs; empty of the last one.
        output_bytes: their size.
    """

    first: int
    last: int
    parameter_bytes: int
    fits: bool
    outputs: tuple[str, ...]
    output_bytes: int


def propose_segments(mapping: GraphMapping, memory: MemoryUse, count: int) -> list[Segment]:
    """Cut a graph so that the largest segment has as few parameters as can be.

    Of cuts that do as well, those are taken that pass least from one TPU to the next.

    Args:
        count: of TPUs.

    Raises:
        TfedgeError: there are fewer operators than TPUs, or not one TPU.
    """
    total = len(mapping.placements)
    if not 1 <= count <= max(total, 1):
        raise TfedgeError(f"a model of {total} operators has 1 to {total} segments, not {count}")
    sizes = [0] * total
    for each in memory.parameters:
        sizes[each.index] = each.bytes
    crossing = _crossing(mapping.graph)
    weights = [sum(tensor.byte_size for tensor in tensors) for tensors in crossing]
    ends = [*_cuts(sizes, weights, count), total - 1]
    starts = [0, *(end + 1 for end in ends[:-1])]
    return [
        _segment(start, end, sum(sizes[start : end + 1]), memory, crossing, total)
        for start, end in zip(starts, ends, strict=True)
    ]


def _segment(
    start: int,
    end: int,
    size: int,
    memory: MemoryUse,
    crossing: list[list[Tensor]],
    total: int,
) -> Segment:
    passed = crossing[end] if end < total - 1 else []
    fits = memory.cache_bytes is None or size <= memory.cache_bytes
    names = tuple(tensor.name for tensor in passed)
    return Segment(start, end, size, fits, names, sum(tensor.byte_size for tensor in passed))


def _crossing(graph: Graph) -> list[list[Tensor]]:
    """List the tensors alive behind each operator: made, or given, before, and read after it."""
    last = {id(t): i for i, o in enumerate(graph.operators) for t in o.inputs if t is not None}
    alive = {id(tensor): tensor for tensor in graph.inputs}
    found = []
    for index, operator in enumerate(graph.operators):
        alive |= {id(tensor): tensor for tensor in operator.outputs}
        alive = {key: tensor for key, tensor in alive.items() if last.get(key, -1) > index}
        found.append(list(alive.values()))
    return found


def _cuts(sizes: list[int], weights: list[int], count: int) -> list[int]:
    """The last operator of every segment but the last."""
    limit = _least_limit(sizes, count)
    cuts: list[int] = []
    start = 0
    for segment in range(count - 1):
        rest = count - 1 - segment
        allowed = [
            end
            for end in range(start, len(sizes) - rest)
            if sum(sizes[start : end + 1]) <= limit and _fits(sizes[end + 1 :], rest, limit)
        ]
        cut = min(allowed, key=lambda end: (weights[end], -end))
        cuts.append(cut)
        start = cut + 1
    return cuts


def _least_limit(sizes: list[int], count: int) -> int:
    low, high = max(sizes, default=0), sum(sizes)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _fits(sizes, count, middle) else (middle + 1, high)
    return low


def _fits(sizes: list[int], count: int, limit: int) -> bool:
    """Whether `count` segments or fewer hold everything."""
    used, room = 1, limit
    for size in sizes:
        if size > room:
            used, room = used + 1, limit
        room -= size
    return used <= count
