"""The report that `tfedge.check` returns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfedge.atomic_writing import write_atomically
from tfedge.result import Result
from tfedge_converters.accelerators.mapping import GraphMapping, Placement
from tfedge_converters.accelerators.memory import MemoryUse
from tfedge_converters.accelerators.remedies import Remedy
from tfedge_converters.graph import Model


@dataclass(frozen=True, eq=False, repr=False)
class CheckReport(Result):
    """Report of which operators of a model an accelerator will compute.

    Attributes:
        name: of the model.
        target: of the accelerator.
        model: what was checked.
        mapping: every operator's place, with the reasons.
        memory: what that needs.
        remedies: changes, each alone, the largest gain first.
        steps: changes one after the other, each with its gain over the one before.
        end: the mapping behind the last step.
        notes: what else there is to say.
    """

    name: str
    target: str
    model: Model = field(repr=False)
    mapping: GraphMapping = field(repr=False)
    memory: MemoryUse = field(repr=False)
    remedies: tuple[Remedy, ...] = field(repr=False)
    steps: tuple[Remedy, ...] = field(repr=False)
    end: GraphMapping = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def all_mapped(self) -> bool:
        """Whether nothing stays on the CPU."""
        return not self.mapping.on_cpu

    @property
    def macs(self) -> int:
        """Multiplications in one run."""
        return sum(placement.macs for placement in self.mapping.placements)

    def status(self, placement: Placement) -> str:
        """Return the status of an operator in the words of the accelerator's own tools."""
        if placement.mapped:
            return self.mapping.accelerator.words.get("mapped", "mapped")
        return placement.reasons[0].status

    def table(self) -> list[tuple[str, int, str]]:
        """Operator, count, status: the table that vendors' tools print, in the graph's order."""
        rows = Counter((p.operator.name, self.status(p)) for p in self.mapping.placements)
        return [(name, count, status) for (name, status), count in rows.items()]

    def headline(self) -> str:
        """How much is mapped."""
        from tfedge_converters.check.wording import headline

        return f"{self.name} on {self.target}: {headline(self)}"

    def sections(self) -> Iterable[str]:
        """Return the report's text as the only section."""
        return [self.text()]

    def text(self) -> str:
        """The report as text."""
        from tfedge_converters.check.text import as_text

        return as_text(self)

    def html(self) -> str:
        """The report as one HTML page without references."""
        from tfedge_converters.check.page import as_html

        return as_html(self)

    def json(self) -> str:
        """The report as JSON, with every operator."""
        return json.dumps(self.document(), indent=1) + "\n"

    def document(self) -> dict[str, Any]:
        """The report as plain values."""
        memory, mapping = self.memory, self.mapping
        return {
            "model": self.name,
            "target": self.target,
            "accelerator": mapping.accelerator.name,
            "operators": len(mapping.placements),
            "mapped": len(mapping.mapped),
            "macs": self.macs,
            "mapped_macs": mapping.mapped_macs,
            "parameters": {
                "cached_bytes": memory.cached_bytes,
                "streamed_bytes": memory.streamed_bytes,
                "cache_bytes": memory.cache_bytes,
            },
            "working_bytes_per_tile": memory.working_bytes,
            "tile_bytes": memory.tile_bytes,
            "remedies": [_remedy(remedy) for remedy in self.remedies],
            "steps": [_remedy(remedy) for remedy in self.steps],
            "notes": list(self.notes),
            "layers": [self.document_entry(placement) for placement in mapping.placements],
        }

    def document_entry(self, placement: Placement) -> dict[str, Any]:
        """One operator as plain values."""
        outputs = placement.operator.outputs
        parameters = {each.index: each for each in self.memory.parameters}.get(placement.index)
        return {
            "index": placement.index,
            "operator": placement.operator.name,
            "makes": outputs[0].name if outputs else "",
            "shape": list(outputs[0].shape) if outputs else [],
            "macs": placement.macs,
            "mapped": placement.mapped,
            "status": self.status(placement),
            "reasons": [o.why for o in placement.reasons if o.why],
            "advice": [o.advice for o in placement.reasons if o.advice],
            "parameter_bytes": 0 if parameters is None else parameters.bytes,
            "cached": parameters is not None and parameters.cached,
        }

    def save(self, path: str | Path) -> None:
        """Write the report as what the file's name ends in: .html, .json or .txt.

        Raises:
            TfedgeError: the file cannot be written.
        """
        writers = {".html": self.html, ".json": self.json}
        write_atomically(Path(path), writers.get(Path(path).suffix, self.text)())


def _remedy(remedy: Remedy) -> dict[str, Any]:
    return {
        "change": remedy.change,
        "what": remedy.what,
        "operators": list(remedy.operators),
        "names": list(remedy.names),
        "exact": remedy.exact,
        "operators_gained": remedy.mapped,
        "macs_gained": remedy.macs,
        "on_cpu_then": remedy.on_cpu,
    }
