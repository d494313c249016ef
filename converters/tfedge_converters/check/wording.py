"""Sentences that the text and the page of a report share."""

from __future__ import annotations

from collections.abc import Sequence

from tfedge_converters.accelerators.mapping import Placement, UnsupportedReason
from tfedge_converters.accelerators.remedies import Remedy
from tfedge_converters.check.report import CheckReport

_KIBI, _MEBI = 1024, 1024**2


def size(count: int) -> str:
    """A number of bytes, in the unit that suits it."""
    if count < _KIBI:
        return f"{count} B"
    if count < _MEBI:
        return f"{count / _KIBI:.2f} KiB"
    return f"{count / _MEBI:.2f} MiB"


def headline(report: CheckReport) -> str:
    """How much is mapped."""
    mapping = report.mapping
    mapped, total = len(mapping.mapped), len(mapping.placements)
    share = (
        f", {mapping.mapped_macs / report.macs:.1%} of {report.macs:,} MACs" if report.macs else ""
    )
    return f"{mapped} of {total} operators are mapped to the {mapping.accelerator.name}{share}"


def parameters(report: CheckReport) -> str:
    """Where parameters are kept."""
    memory = report.memory
    if memory.cache_bytes is None:
        return ""
    words = (
        f"parameters: {size(memory.cached_bytes)} cached on the chip of about "
        f"{size(memory.cache_bytes)}"
    )
    if memory.streamed_bytes:
        words += f", {size(memory.streamed_bytes)} streamed in every run"
    return words


def working_memory(report: CheckReport) -> str:
    """How much of its own memory a tile uses."""
    memory = report.memory
    if memory.tile_bytes is None or memory.peak is None:
        return ""
    words = (
        f"activations: about {size(memory.working_bytes)} a tile, of {size(memory.tile_bytes)}, "
        f"during operator {memory.peak}"
    )
    if memory.working_bytes > memory.tile_bytes:
        words += ": the compiler works in parts"
    return words


def gain(remedy: Remedy) -> str:
    """Say what a remedy gains."""
    macs = f" and {remedy.macs:+,} MACs" if remedy.macs else ""
    return f"{remedy.mapped:+d} operators{macs} mapped, {remedy.on_cpu} left on the CPU"


def exactness(remedy: Remedy) -> str:
    """Whether numbers change."""
    return "same numbers; convert does it by itself" if remedy.exact else ""


def listed(items: Sequence[object]) -> str:
    """Not more than a line of positions or names."""
    shown = ", ".join(map(str, items[:_MOST_LISTED]))
    more = len(items) - _MOST_LISTED
    return f"{shown} and {more} more" if more > 0 else shown


_MOST_LISTED = 6


def refusals(report: CheckReport) -> list[tuple[str, list[Placement], list[UnsupportedReason]]]:
    """Operators on the CPU about which there is more to say than the status.

    Those of one kind, with the same reasons, are one entry: (operator, which, reasons).
    """
    found: dict[tuple[str, tuple[str, ...]], list[Placement]] = {}
    for placement in report.mapping.on_cpu:
        said = tuple(reason.why + reason.advice for reason in placement.reasons)
        if any(said):
            found.setdefault((placement.operator.name, said), []).append(placement)
    return [
        (name, placements, [o for o in placements[0].reasons if o.why or o.advice])
        for (name, _), placements in found.items()
    ]
