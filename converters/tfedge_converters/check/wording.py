"""Sentences that the text and the page of a report share."""

from __future__ import annotations

from collections.abc import Iterator

from tfedge_converters.accelerators.mapping import Obstacle, Placement
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
    """What a change would do."""
    if not remedy.helps:
        return f"no more mapped; of what stays in the model, {remedy.on_cpu} left on the CPU"
    macs = f" and {remedy.macs:,} MACs" if remedy.macs else ""
    return f"{remedy.mapped:+d} operators{macs} mapped, {remedy.on_cpu} left on the CPU"


def exactness(remedy: Remedy) -> str:
    """Whether numbers change."""
    return "same numbers; convert does it by itself" if remedy.exact else ""


def numbers(indices: tuple[int, ...]) -> str:
    """Positions of operators, not more than a line of them."""
    shown = ", ".join(map(str, indices[:8]))
    more = len(indices) - 8
    return f"{shown} and {more} more" if more > 0 else shown


def reasons(placement: Placement) -> Iterator[Obstacle]:
    """The obstacles of an operator about which there is more to say than the status."""
    return (obstacle for obstacle in placement.obstacles if obstacle.why or obstacle.advice)


def together(report: CheckReport) -> str:
    """What everything that helps does."""
    if report.together is None:
        return ""
    mapped, total = len(report.together.mapped), len(report.together.placements)
    return f"all of these: {mapped} of {total} operators mapped"
