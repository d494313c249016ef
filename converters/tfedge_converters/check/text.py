"""A report as text."""

from __future__ import annotations

from collections.abc import Iterator

from tfedge_converters.accelerators.mapping import Placement
from tfedge_converters.check import wording
from tfedge_converters.check.report import CheckReport


def as_text(report: CheckReport) -> str:
    """The report in lines of text, for a terminal or a log."""
    head = [
        f"{report.name} on {report.target}: {wording.headline(report)}",
        wording.parameters(report),
        wording.working_memory(report),
        *(f"note: {note}" for note in report.notes),
    ]
    parts = [
        "\n".join(line for line in head if line),
        "\n".join(_table(report)),
        "\n".join(_left(report)),
        "\n".join(_remedies(report)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(report: CheckReport) -> Iterator[str]:
    rows = report.table()
    width = max([len("Operator"), *(len(name) for name, _, _ in rows)])
    yield f"{'Operator':<{width}}  Count  Status"
    for name, count, status in rows:
        yield f"{name:<{width}}  {count:>5}  {status}"


def _left(report: CheckReport) -> Iterator[str]:
    """Every operator on the CPU for a reason of its own, and how many there are behind these."""
    own = [p for p in report.mapping.on_cpu if list(wording.reasons(p))]
    if not report.mapping.on_cpu:
        return
    yield "On the CPU:"
    for placement in own:
        yield from _reason(report, placement)
    behind = len(report.mapping.on_cpu) - len(own)
    if behind:
        yield f"  {behind} more, of which {_dependent(report)} only because of what is before them"


def _dependent(report: CheckReport) -> int:
    return sum(p.obstacles[0].kind == "region" for p in report.mapping.on_cpu)


def _reason(report: CheckReport, placement: Placement) -> Iterator[str]:
    yield f"  {report.mapping.graph.place(placement.operator)}"
    for obstacle in wording.reasons(placement):
        if obstacle.why:
            yield f"    {obstacle.why}"
        if obstacle.advice:
            yield f"    → {obstacle.advice}"


def _remedies(report: CheckReport) -> Iterator[str]:
    if not report.remedies:
        return
    yield "What helps:"
    for remedy in report.remedies:
        exact = f" ({wording.exactness(remedy)})" if remedy.exact else ""
        yield f"  {remedy.what}{exact}"
        yield f"    operators {wording.numbers(remedy.operators)}: {wording.gain(remedy)}"
    if report.together is not None:
        yield f"  {wording.together(report)}"
