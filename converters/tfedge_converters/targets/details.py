"""All that a target's file says of it, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from tfedge_converters.targets import Target
from tfedge_converters.targets.part import FlashTiming, Part


def details(target: Target) -> list[str]:
    """Describe a target, a line a fact."""
    facts = {"target": f"{target.name}: {target.description}", **dict(_facts(target))}
    width = max(map(len, facts))
    lines = [f"{name:<{width}}  {text}" for name, text in facts.items()]
    notes = () if target.part is None else target.part.notes
    return [*lines, *(f"{'note':<{width}}  {note}" for note in notes)]


def _facts(target: Target) -> Iterator[tuple[str, str]]:
    if target.core and target.core != "host":
        more = f", with {', '.join(target.extensions)}" if target.extensions else ""
        yield "core", f"{target.core}{more}"
    if target.flags:
        yield "flags", " ".join(target.flags)
    for name, size in (("flash", target.flash_bytes), ("RAM", target.ram_bytes)):
        if size is not None:
            yield name, f"{size:,} bytes"
    if target.part is not None:
        yield from _facts_of_part(target.part)
    if target.timing is not None:
        low, high = target.timing.cycles_per_instruction
        yield "timing", f"{low:g} to {high:g} cycles an instruction: {target.timing.source}"


def _facts_of_part(part: Part) -> Iterator[tuple[str, str]]:
    yield "family", f"{part.vendor} {part.family}"
    yield "clock", f"{part.clock_hz / 1e6:g} MHz at most"
    if part.flash is not None:
        yield "waiting", waiting(part.flash)
    if part.current is not None:
        current = part.current
        yield "current", f"{current.microamperes_per_megahertz:g} µA/MHz ({current.source})"
    yield "sources", part.source


def waiting(flash: FlashTiming) -> str:
    """How long flash lets the core wait, in words."""
    if flash.wait_states is None:
        return f"waiting for flash, behind a {flash.hidden_by}, not known and not counted"
    return f"{flash.wait_states} wait states of flash, behind a {flash.hidden_by}"
