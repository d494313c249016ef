"""Which flash each constant lies in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tfedge_converters.c.memories import Item, spread
from tfedge_converters.c.memory import Buffer
from tfedge_converters.c.memory_plan import MemoryPlan, PlannedConstant
from tfedge_converters.targets.memory import Memory

# Linkers may fill up to this between constants.
_ALIGNMENT = 4


@dataclass(frozen=True)
class SizedConstant:
    """A constant array of generated C: its name, bytes, and reads in an inference."""

    name: str
    bytes: int
    accesses: int


def constant_memories(
    constants: Sequence[SizedConstant],
    memories: Sequence[Memory],
    code_bytes: int,
    given: MemoryPlan | None,
) -> tuple[PlannedConstant, ...]:
    """Put constants into flashes, those that are read most often into the fastest one.

    Args:
        constants: all of a program.
        memories: flashes of the target; code lies in the first.
        code_bytes: what to leave there for it.
        given: a plan that decides; None to choose.

    Raises:
        TfedgeError: the plan is of other constants or contradicts itself.
    """
    if given is not None:
        sizes = {constant.name: constant.bytes for constant in constants}
        names = given.memory_of_constants(sizes, memories)
        chosen = [names[constant.name] for constant in constants]
    else:
        items = [Item(Buffer(one.bytes, 0, 0), one.accesses) for one in constants]
        first, *others = memories
        left = None if first.bytes is None else max(0, first.bytes - code_bytes)
        found = spread(items, [replace(first, bytes=left), *others], _ALIGNMENT)
        chosen = [memories[index].name for index in found.memories]
    return tuple(
        PlannedConstant(one.name, one.bytes, one.accesses, memory)
        for one, memory in zip(constants, chosen, strict=True)
    )
