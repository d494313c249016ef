"""Whether a program fits a board's memory: constants and code in flash, the rest in RAM."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import TypeVar

from tfedge.errors import MissingToolError, TfedgeError
from tfedge_converters.c.source import CSource
from tfedge_converters.execute import CORES, CProgram, ExecutionError, build_firmware
from tfedge_converters.execute.stack_bound import stack_bound
from tfedge_converters.targets import Target

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


def _shortage_of_flash(source: CSource, target: Target) -> str:
    if target.flash_bytes is None:
        return ""
    doubt = _DOUBT * source.code_bytes
    needed = source.weights_bytes + source.code_bytes
    if needed + doubt <= target.flash_bytes:
        return ""
    linked = None
    if source.weights_bytes <= target.flash_bytes:
        linked = _compiled(source, target, _linked_flash)
    code = source.code_bytes if linked is None else linked - source.weights_bytes
    if source.weights_bytes + code <= target.flash_bytes:
        return ""
    how = "about, as estimated; without a compiler to measure it" if linked is None else "linked"
    return (
        f"the model needs {source.weights_bytes:,} bytes for constants and {code:,} for code "
        f"({how}), {source.weights_bytes + code:,} in all, before any code of yours, but "
        f"{target.name} has {target.flash_bytes:,} bytes of flash: use fewer channels, or prune "
        "the model"
    )


def _shortage_of_ram(source: CSource, target: Target) -> str:
    ram = target.ram_bytes
    if ram is None:
        return ""
    needed = source.arena_bytes + source.state_bytes
    stack = 0
    if needed <= ram < needed + _MOST_STACK:
        stack = _compiled(source, target, _stack) or 0
    if needed + stack <= ram:
        return ""
    peak = source.plan.peak_layer
    place = f" (most at layer {peak.index}, {peak.operator.name})" if peak else ""
    state = f", its state {source.state_bytes:,}" if source.state_bytes else ""
    depth = f", its stack up to {stack:,}" if stack else ""
    return (
        f"the arena needs {source.arena_bytes:,} bytes{place}{state}{depth}, but {target.name} has "
        f"{ram:,} bytes of RAM: use smaller inputs or fewer channels in the first layers"
    )


def _compiled(
    source: CSource, target: Target, figure: Callable[[CProgram, Target], _Figure]
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
    return build_firmware(program, target.core, flags=_flags(target)).sizes().flash_bytes


def _stack(program: CProgram, target: Target) -> int:
    return stack_bound(program, target.core, _flags(target))


def _flags(target: Target) -> list[str]:
    return [*target.flags, "-Os"]
