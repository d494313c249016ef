"""Whether a program fits a board's memory: constants and code in flash, the rest in RAM."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from typing import TypeVar

from tfedge.errors import MissingToolError, TfedgeError
from tfedge_converters.c.source import CSource
from tfedge_converters.execute import CORES, CProgram, ExecutionError, build_firmware
from tfedge_converters.execute.stack_bound import stack_bound
from tfedge_converters.targets import Target
from tfedge_converters.targets.memory import FLASH, RAM, Memory

# The estimate of code, for -O2, is off by up to this share, and -Os takes a tenth less than that.
_DOUBT = 0.3

# What no program's stack reaches, as `make static` sees to.
_MOST_STACK = 1024

_Figure = TypeVar("_Figure")


class ShortageError(TfedgeError):
    """A program is too large for its target's memory."""


def shortage(source: CSource, target: Target) -> str:
    """Why a program is too large for its target: how much it needs of which memory, in words.

    Where code or stack decide, it is compiled and linked with -Os, if the compiler is there; else
    code is estimated, which the words say, and the stack is left out.

    Returns:
        Nothing where it fits.
    """
    return _shortage_of_ram(source, target) or _shortage_of_flash(source, target)


def room_for_code(code_bytes: int) -> int:
    """Leave room for code, of which there is an estimate."""
    return round((1 + _DOUBT) * code_bytes)


def _shortage_of_flash(source: CSource, target: Target) -> str:
    with_code, *others = target.memories_of(FLASH)
    lacking = _shortage_beside_code(source, target, with_code)
    for memory in others:
        needed = source.constant_bytes(memory.name)
        if not lacking and memory.bytes is not None and needed > memory.bytes:
            lacking = (
                f"the model needs {source.weights_bytes:,} bytes for constants, of which "
                f"{needed:,} are left for {memory.name}, but {target.name} has {memory.bytes:,} "
                "bytes of that: use fewer channels, or prune the model"
            )
    return lacking


def _shortage_beside_code(source: CSource, target: Target, flash: Memory) -> str:
    if flash.bytes is None:
        return ""
    constants = source.constant_bytes(flash.name)
    if constants + room_for_code(source.code_bytes) <= flash.bytes:
        return ""
    linked = _compiled(source, target, _linked_flash) if constants <= flash.bytes else None
    code = source.code_bytes if linked is None else linked - source.weights_bytes
    if constants + code <= flash.bytes:
        return ""
    how = "about, as estimated; without a compiler to measure it" if linked is None else "linked"
    name = "flash" if len(target.memories_of(FLASH)) == 1 else flash.name
    return (
        f"the model needs {constants:,} bytes for constants and {code:,} for code "
        f"({how}), {constants + code:,} in all, before any code of yours, but "
        f"{target.name} has {flash.bytes:,} bytes of {name}: use fewer channels, or prune "
        "the model"
    )


def _shortage_of_ram(source: CSource, target: Target) -> str:
    memories = target.memories_of(RAM)
    used = {arena.memory.name: arena.bytes for arena in source.plan.arenas}
    left = [
        math.inf if memory.bytes is None else memory.bytes - used.get(memory.name, 0)
        for memory in memories
    ]
    # State, in the caller's context, and stack lie together, wherever there is room.
    needed = source.state_bytes
    stack = 0
    if min(left) >= 0 and needed <= max(left) < needed + _MOST_STACK:
        stack = _compiled(source, target, _stack) or 0
    if min(left) >= 0 and needed + stack <= max(left):
        return ""
    peak = source.plan.peak_layer
    place = f" (most at layer {peak.index}, {peak.operator.name})" if peak else ""
    state = f", its state {source.state_bytes:,}" if source.state_bytes else ""
    depth = f", its stack up to {stack:,}" if stack else ""
    return (
        f"the arena needs {source.arena_bytes:,} bytes{place}{state}{depth}, but {target.name} has "
        f"{_ram_in_words(memories)}: use smaller inputs or fewer channels in the first layers"
    )


def _ram_in_words(memories: Sequence[Memory]) -> str:
    if len(memories) == 1:
        return f"{memories[0].bytes:,} bytes of RAM"
    parts = [f"{memory.bytes:,} bytes of {memory.name}" for memory in memories]
    return f"{', '.join(parts[:-1])} and {parts[-1]}, and no tensor lies in two of them"


def _compiled(
    source: CSource, target: Target, figure: Callable[[CProgram, Target], _Figure | None]
) -> _Figure | None:
    """A figure that the compiler for the target's core says; None if it cannot be asked here."""
    if target.core not in CORES:
        return None
    try:
        with tempfile.TemporaryDirectory() as folder:
            return figure(source.write(folder), target)
    except (MissingToolError, ExecutionError):
        return None


def _linked_flash(program: CProgram, target: Target) -> int:
    flags = _flags(program, target)
    return build_firmware(program, target.core, flags=flags).sizes().flash_bytes


def _stack(program: CProgram, target: Target) -> int | None:
    return stack_bound(program, target.core, _flags(program, target))


def _flags(program: CProgram, target: Target) -> list[str]:
    """The target's, for small code, with everything in the sections that sizes are measured of."""
    prefix = program.name.upper()
    sections = [f"-D{prefix}_{memory.name.upper()}_SECTION=" for memory in target.memories]
    return [*target.flags, "-Os", *sections]
