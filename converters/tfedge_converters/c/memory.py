"""Where buffers lie in the arena.

A buffer has a size and the span of steps during which it holds something; two
buffers may share memory if their spans do not overlap.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_LARGEST_SEARCH = 600_000
# Ways to share memory are often the same in the end.
_REMEMBERED = 16

# The first byte of a buffer, and the first one behind it.
_Span = tuple[int, int]


@dataclass(frozen=True)
class Buffer:
    """`size` bytes from step `first` to step `last`, both included."""

    size: int
    first: int
    last: int

    def overlaps(self, other: Buffer) -> bool:
        """Whether both hold something in one step."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Placement:
    """Offsets of the buffers, the bytes that they take in all, and what no placement can beat."""

    offsets: tuple[int, ...]
    size: int
    lower_bound: int


def place(buffers: Sequence[Buffer], alignment: int, *, thorough: bool = True) -> Placement:
    """Find offsets, at the lower bound where the search finds a way.

    Greedy by size first; then random exchanges in the order of placement, keeping what is not
    worse, until the lower bound or a fixed number of attempts is reached. Deterministic.

    Args:
        buffers: sizes in bytes.
        alignment: every offset is a multiple of this power of two.
        thorough: search, where the greedy placement is not at the lower bound.
    """
    return _place(tuple(buffers), alignment, thorough)


@lru_cache(_REMEMBERED)
def _place(buffers: tuple[Buffer, ...], alignment: int, thorough: bool) -> Placement:
    sizes = [-(-buffer.size // alignment) * alignment for buffer in buffers]
    bound = lower_bound(buffers, alignment)
    if bound == sum(sizes):  # all are live at once
        return Placement(tuple(itertools.accumulate(sizes, initial=0))[:-1], bound, bound)
    conflicts = _conflicts(buffers)
    order = sorted(range(len(buffers)), key=lambda i: (-sizes[i], buffers[i].first))
    spans = _place_in_order(order, sizes, conflicts, {}, sum(sizes))
    assert spans is not None
    size = _end(spans)
    chance = random.Random(0)
    attempts = _LARGEST_SEARCH // sum(1 + len(others) for others in conflicts) if thorough else 0
    while size > bound and attempts > 0:
        attempts -= 1
        candidate = order.copy()
        a, b = chance.randrange(len(order)), chance.randrange(len(order))
        candidate[a], candidate[b] = candidate[b], candidate[a]
        same = min(a, b)
        kept = {index: spans[index] for index in order[:same]}
        found = _place_in_order(candidate[same:], sizes, conflicts, kept, size)
        if found is not None:
            order, spans, size = candidate, found, _end(found)
    return Placement(tuple(spans[index][0] for index in range(len(buffers))), size, bound)


def lower_bound(buffers: Sequence[Buffer], alignment: int = 1) -> int:
    """The most bytes that are live in one step: no placement takes less."""
    return peak(buffers, alignment)[0]


def peak(buffers: Sequence[Buffer], alignment: int = 1) -> tuple[int, int]:
    """The most bytes that are live in one step, and the first such step."""
    most = at = 0
    for step, live in _live(buffers, alignment):
        if live > most:
            most, at = live, step
    return most, at


def fullest(buffers: Sequence[Buffer], alignment: int = 1) -> list[int]:
    """Bytes that are live from one change to the next, the most first."""
    return sorted((live for _, live in _live(buffers, alignment)), reverse=True)


def _live(buffers: Sequence[Buffer], alignment: int) -> Iterator[tuple[int, int]]:
    """Steps from which on other bytes are live than before, and how many."""
    changes: dict[int, int] = {}
    for buffer in buffers:
        size = -(-buffer.size // alignment) * alignment
        changes[buffer.first] = changes.get(buffer.first, 0) + size
        changes[buffer.last + 1] = changes.get(buffer.last + 1, 0) - size
    live = 0
    for step in sorted(changes):
        live += changes[step]
        yield step, live


def _conflicts(buffers: Sequence[Buffer]) -> list[list[int]]:
    return [
        [j for j, other in enumerate(buffers) if j != i and buffer.overlaps(other)]
        for i, buffer in enumerate(buffers)
    ]


def _place_in_order(
    order: Sequence[int],
    sizes: Sequence[int],
    conflicts: Sequence[Sequence[int]],
    placed: Mapping[int, _Span],
    most: int,
) -> dict[int, _Span] | None:
    """Put each buffer at the lowest offset that is free of those placed before it.

    Args:
        order: of the buffers that are not placed yet.
        sizes: of all.
        conflicts: those that share no memory with each.
        placed: where the others lie.
        most: bytes that all may take.

    Returns:
        Where all lie; None where they would take more.
    """
    spans = dict(placed)
    for index in order:
        size, offset = sizes[index], 0
        for start, end in sorted([spans[other] for other in conflicts[index] if other in spans]):
            if offset + size <= start:
                break
            if end > offset:
                offset = end
        if offset + size > most:
            return None
        spans[index] = (offset, offset + size)
    return spans


def _end(spans: Mapping[int, _Span]) -> int:
    return max(end for _, end in spans.values())
