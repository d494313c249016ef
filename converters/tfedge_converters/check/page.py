"""A report as one HTML page, with nothing to load from elsewhere."""

from __future__ import annotations

from tfedge_converters.check import wording
from tfedge_converters.check.report import CheckReport
from tfedge_converters.foreign_text import page_templates

_TEMPLATE = "page.html.j2"


def as_html(report: CheckReport) -> str:
    """The report as a page. Names of the model are escaped: files are not trusted."""
    facts = [wording.parameters(report), wording.working_memory(report), *report.notes]
    return (
        page_templates("tfedge_converters.check")
        .get_template(_TEMPLATE)
        .render(
            report=report,
            headline=wording.headline(report),
            facts=[fact for fact in facts if fact],
            rows=[_row(report, index) for index in range(len(report.mapping.placements))],
            refusals=wording.refusals(report),
            steps=[(step, wording.gain(step)) for step in report.steps],
            listed=wording.listed,
            share=len(report.mapping.mapped) / max(len(report.mapping.placements), 1),
            work=report.mapping.mapped_macs / report.macs if report.macs else None,
        )
    )


def _row(report: CheckReport, index: int) -> dict[str, object]:
    placement = report.mapping.placements[index]
    entry = report.document_entry(placement)
    kind = "" if placement.mapped else placement.reasons[0].kind
    return {
        **entry,
        "kind": kind,
        "makes": str(entry["makes"]).split(";")[0],
        "parameters": wording.size(entry["parameter_bytes"]) if entry["parameter_bytes"] else "",
    }
