"""Which of several memories everything lies in.

What is accessed most often for each of its bytes goes to the fastest memory as long as there is
room, then to the next one. Of items that all take their room for good, this is the greedy solution
of a knapsack problem, which is at most one item's gain from the best one; buffers share room, which
makes it better still. Where so small a buffer keeps a large one out that the large one would have
gained more, the order by what is gained in all finds that; and where neither order lets everything
find room, that by size may.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfedge_converters.c import memory
from tfedge_converters.targets.memory import Memory


@dataclass(frozen=True)
class Item:
    """Something that needs memory.

    Attributes:
        buffer: how much, and from when to when.
        accesses: reads and writes of an inference.
    """

    buffer: memory.Buffer
    accesses: int

    @property
    def density(self) -> float:
        """Accesses of each byte."""
        return self.accesses / max(self.buffer.size, 1)


@dataclass(frozen=True)
class Spread:
    """Where items lie.

    Attributes:
        memories: the place of each item's memory among those given.
        offsets: of each item in its memory.
        sizes: bytes used of each memory.
        wait_states: cycles that all accesses wait for; what is made small.
        fits: whether all memories have room for what is in them.
    """

    memories: tuple[int, ...]
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    wait_states: float
    fits: bool


_ORDERS: tuple[Callable[[Item], float], ...] = (
    lambda item: -item.density,
    lambda item: -item.accesses,
    lambda item: -item.buffer.size,
)


def spread(items: Sequence[Item], memories: Sequence[Memory], alignment: int) -> Spread:
    """Spread buffers over memories, so that accesses wait for few cycles.

    Args:
        items: whose lives decide which may share room.
        memories: at least one.
        alignment: every offset is a multiple of this power of two.

    Returns:
        The best of a few ways that fit; if none does, one that does not.
    """
    ways = [_spread(items, memories, alignment, order) for order in _ORDERS]
    return min(ways, key=lambda way: (not way.fits, way.wait_states, sum(way.sizes)))


def _spread(
    items: Sequence[Item],
    memories: Sequence[Memory],
    alignment: int,
    order: Callable[[Item], float],
) -> Spread:
    left = sorted(range(len(items)), key=lambda index: order(items[index]))
    chosen = [0] * len(items)
    offsets = [0] * len(items)
    sizes = [0] * len(memories)
    fastest_first = sorted(range(len(memories)), key=lambda index: memories[index].wait_states)
    for place in fastest_first:
        is_last = place == fastest_first[-1]
        taken = left if is_last else _that_fit(items, left, memories[place].bytes, alignment)
        left = [index for index in left if index not in taken]
        placement = memory.place([items[index].buffer for index in taken], alignment)
        sizes[place] = placement.size
        for index, offset in zip(taken, placement.offsets, strict=True):
            chosen[index], offsets[index] = place, offset
    waits = sum(
        item.accesses * memories[place].wait_states
        for item, place in zip(items, chosen, strict=True)
    )
    fits = all(
        there.bytes is None or size <= there.bytes
        for size, there in zip(sizes, memories, strict=True)
    )
    return Spread(tuple(chosen), tuple(offsets), tuple(sizes), waits, fits)


def _that_fit(
    items: Sequence[Item], candidates: Sequence[int], size: int | None, alignment: int
) -> list[int]:
    """Take candidates in order, leaving out those for which there is no room beside the others."""
    if size is None:
        return list(candidates)
    taken: list[int] = []
    for index in candidates:
        buffers = [items[other].buffer for other in (*taken, index)]
        if memory.lower_bound(buffers, alignment) <= size and (
            memory.place(buffers, alignment, thorough=False).size <= size
        ):
            taken.append(index)
    return taken
