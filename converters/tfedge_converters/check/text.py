"""A report as text."""

from __future__ import annotations

from collections.abc import Iterator

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
    """Say what is on the CPU for a reason of its own, and how much is only behind that."""
    refused = wording.refusals(report)
    if not report.mapping.on_cpu:
        return
    yield "On the CPU:"
    for name, placements, reasons in refused:
        yield f"  {name}: operators {wording.listed([p.index for p in placements])}"
        for reason in reasons:
            if reason.why:
                yield f"    {reason.why}"
            if reason.advice:
                yield f"    → {reason.advice}"
    behind = len(report.mapping.on_cpu) - sum(len(placements) for _, placements, _ in refused)
    if behind:
        yield f"  {behind} more, only because of what is before them"


def _remedies(report: CheckReport) -> Iterator[str]:
    if not report.steps:
        return
    yield "What helps, one after the other:"
    for number, step in enumerate(report.steps, 1):
        exact = f" ({wording.exactness(step)})" if step.exact else ""
        yield f"  {number}. {step.what}{exact}"
        yield f"     {wording.listed(step.names)}"
        yield f"     {wording.gain(step)}"
