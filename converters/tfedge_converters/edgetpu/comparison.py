"""A prediction beside what the compiler did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tfedge_converters.check.report import CheckReport
from tfedge_converters.edgetpu.compiled_file import CompiledModel
from tfedge_converters.edgetpu.compiler_log import CompilerLog


@dataclass(frozen=True)
class Comparison:
    """How far a prediction was from the truth.

    Attributes:
        differences: in words, an operator or status each; empty where the prediction was right.
        predicted_bytes, cached_bytes: parameters on the chip.
    """

    differences: tuple[str, ...]
    predicted_bytes: int
    cached_bytes: int | None

    @property
    def agrees(self) -> bool:
        """Whether every operator is where it was predicted."""
        return not self.differences

    def text(self) -> str:
        """The comparison in a few lines."""
        lines = ["prediction and compiler agree on every operator"] if self.agrees else []
        lines += [f"prediction differs: {difference}" for difference in self.differences]
        if self.cached_bytes is not None:
            lines.append(
                f"cached parameters: {self.predicted_bytes:,} bytes predicted, "
                f"{self.cached_bytes:,} in fact"
            )
        return "\n".join(lines) + "\n"


def compare_log(report: CheckReport, log: CompilerLog) -> Comparison:
    """Compare the table of a log with the report's."""
    predicted = Counter({(name, status): count for name, count, status in report.table()})
    actual = log.counts()
    differences = [
        f"{name} ({status}): {predicted[name, status]} predicted, {actual[name, status]} in fact"
        for name, status in sorted(predicted | actual)
        if predicted[name, status] != actual[name, status]
    ]
    return Comparison(tuple(differences), report.memory.cached_bytes, log.cached_bytes)


def compare_compiled(report: CheckReport, compiled: CompiledModel) -> Comparison:
    """Compare a compiled file with the report on the file that it was compiled from."""
    actual = compiled.on_cpu_of(report.mapping.graph)
    predicted = {placement.index for placement in report.mapping.on_cpu}
    place = report.mapping.graph.place
    operators = report.mapping.graph.operators
    differences = [
        f"{place(operators[index])}: predicted {where}"
        for where, indices in (
            ("on the CPU, but mapped", predicted - actual),
            ("mapped, but on the CPU", actual - predicted),
        )
        for index in sorted(indices)
    ]
    cached = sum(package.cached_bytes for package in compiled.packages)
    return Comparison(tuple(differences), report.memory.cached_bytes, cached)
