"""Findings of a diagnosis: for people, for spreadsheets, and for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from tfedge.errors import MissingToolError
from tfedge.file_sets import write_set
from tfedge.files import output_folder
from tfedge.result import Result
from tfedge.terminal_text import cells
from tfedge_converters.foreign_text import csv_cell
from tfedge_converters.ptq.noise import decibels

# A channel that much smaller than the largest has few integers where they share a scale.
UNEVEN = 30

# What spans less than this part of its grid shares that with something larger, and lacks 4 bits.
SHARED_GRID = 1 / 16


@dataclass(frozen=True, eq=False)
class ChannelRanges:
    """The least and the largest value of every channel: float32 (channels,) each."""

    low: np.ndarray
    high: np.ndarray

    @property
    def magnitudes(self) -> np.ndarray:
        """The largest magnitude of every channel."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @property
    def unevenness(self) -> float:
        """The largest channel's magnitude over the median one's, of those that are not 0; or 1."""
        magnitudes = self.magnitudes[self.magnitudes > 0]
        return float(magnitudes.max() / np.median(magnitudes)) if magnitudes.size else 1.0


@dataclass(frozen=True, eq=False)
class LayerDiagnosis:
    """One operator, or input. Noise is the power of the error over that of the float signal.

    A layer alone quantised is one whose weights and result are put on their grids; what it is given
    is exact, for the grid of that is the concern of whatever made it.

    Attributes:
        number: its number in `Artifact.summary` and generated C; None for an input.
        name: of what it makes, as there and in schemes.
        operator: its code, or "(input)".
        noise: at its result, with the whole model quantised.
        own_noise: at its result, with this operator alone quantised.
        output_noise: at the model's output, with this operator alone quantised.
        activations: ranges of its result's channels, the last dimension, in the float model.
        weights: ranges of its weights' output channels; None if it has none.
        grid: what the ends of its result's grid stand for.
    """

    number: int | None
    name: str
    operator: str
    noise: float
    own_noise: float
    output_noise: float
    activations: ChannelRanges
    weights: ChannelRanges | None
    grid: tuple[float, float]

    @property
    def title(self) -> str:
        """Name of the layer in a sentence."""
        place = "the input" if self.number is None else f"layer {self.number},"
        return f"{place} '{self.name}'" + ("" if self.number is None else f" ({self.operator})")

    @property
    def use(self) -> float:
        """The part, 0 to 1, of its grid that the result's values span."""
        low, high = self.grid
        span = float(self.activations.high.max() - self.activations.low.min())
        return min(1.0, span / (high - low)) if high > low else 1.0


@dataclass(frozen=True, eq=False, repr=False)
class Diagnosis(Result):
    """The result of `tfedge.diagnose`.

    Attributes:
        name: of the model.
        scheme: the name of what it was quantised to.
        noise: at the model's output; for a softmax, at its operand; for what was concatenated, the
            mean over the branches.
        layers: in the order of the graph.
    """

    name: str
    scheme: str
    noise: float
    layers: tuple[LayerDiagnosis, ...] = field(repr=False)

    @property
    def worst(self) -> LayerDiagnosis:
        """The layer that costs most: alone quantised, it makes most noise at the output."""
        return max(self.layers, key=lambda layer: layer.output_noise)

    def share(self, layer: LayerDiagnosis) -> float:
        """A layer's part, 0 to 1, of the noise that all layers make at the output, each alone."""
        total = sum(other.output_noise for other in self.layers)
        return layer.output_noise / total if total else 0.0

    def headline(self) -> str:
        """How much noise there is at the output."""
        return f"{self.name} as {self.scheme}: {decibels(self.noise):.1f} dB at the output"

    def sections(self) -> Iterable[Any]:
        """The table, with the verdict below."""
        return [self.table()]

    def verdict(self) -> str:
        """Where accuracy goes, in words."""
        worst = self.worst
        words = (
            f"{self.headline()}. {self.share(worst):.0%} of the noise comes from {worst.title}: "
            f"{decibels(worst.output_noise):.1f} dB with nothing else quantised"
        )
        reasons = [
            f"its largest {what} channel is {ranges.unevenness:,.0f} times the median one"
            for what, ranges in (("output", worst.activations), ("weight", worst.weights))
            if ranges is not None and ranges.unevenness > UNEVEN
        ]
        if worst.use < SHARED_GRID:
            reasons.append(
                f"its values span {worst.use:.1%} of their grid, which calibration made for larger "
                "ones"
            )
        return "; ".join([words, *reasons])

    def table(self) -> Any:
        """A rich table, a layer a line."""
        from rich import box
        from rich.table import Table

        verdict = cells(self.verdict())[0]
        table = Table(box=box.SIMPLE, caption=verdict, caption_justify="left")
        for title in ("", "operator", "name", "range", "weights"):
            table.add_column(title, overflow="fold", no_wrap=title == "operator")
        for title in ("dB here", "alone, here", "alone, at output", "share"):
            table.add_column(title, justify="right")
        for layer in self.layers:
            style = "bold red" if layer is self.worst else None
            table.add_row(*cells(*self._row(layer)), style=style)
        return table

    def _row(self, layer: LayerDiagnosis) -> list[str]:
        levels = (layer.noise, layer.own_noise, layer.output_noise)
        return [
            "" if layer.number is None else str(layer.number),
            layer.operator,
            layer.name,
            _span(layer.activations),
            "" if layer.weights is None else _span(layer.weights),
            *(f"{decibels(level):.1f}" for level in levels),
            f"{self.share(layer):.1%}",
        ]

    def save(self, directory: str | Path) -> list[Path]:
        """Write layers.csv, channels.csv, diagnosis.json, snr.png and ranges.png into a folder.

        The pictures are left out, with a warning, where matplotlib is not installed.

        Returns:
            The files' paths.

        Raises:
            TfedgeError: the folder cannot be written to.
        """
        from tfedge_converters.diagnosis.figures import figures

        files: dict[str, bytes | str] = {
            "layers.csv": _csv([self._entry(layer) for layer in self.layers]),
            "channels.csv": _csv([row for layer in self.layers for row in _channels(layer)]),
            "diagnosis.json": json.dumps(self._document(), indent=1) + "\n",
        }
        try:
            files |= figures(self)
        except MissingToolError as missing:
            logging.warning("%s", missing)
        folder = output_folder(directory)
        for notice in write_set(folder, "diagnose", files, {"model": self.name}):
            logging.warning("%s", notice)
        return [folder / name for name in sorted(files)]

    def _document(self) -> dict[str, Any]:
        return {
            "model": self.name,
            "scheme": self.scheme,
            "snr_db": decibels(self.noise),
            "worst": self.worst.name,
            "layers": [
                {**self._entry(layer), "channels": list(_channels(layer))} for layer in self.layers
            ],
        }

    def _entry(self, layer: LayerDiagnosis) -> dict[str, Any]:
        ranges = {"activation": layer.activations, "weight": layer.weights}
        ends = {
            f"{what}_{end}": "" if given is None else float(pick(getattr(given, end)))
            for what, given in ranges.items()
            for end, pick in (("low", np.min), ("high", np.max))
        }
        return {
            "layer": layer.number,
            "name": layer.name,
            "operator": layer.operator,
            "snr_db": decibels(layer.noise),
            "own_snr_db": decibels(layer.own_noise),
            "output_snr_db": decibels(layer.output_noise),
            "share": self.share(layer),
            **ends,
        }


def _channels(layer: LayerDiagnosis) -> list[dict[str, Any]]:
    return [
        {"layer": layer.number, "name": layer.name, "of": what, "channel": channel,
         "low": float(low), "high": float(high)}
        for what, ranges in (("activation", layer.activations), ("weight", layer.weights))
        if ranges is not None
        for channel, (low, high) in enumerate(zip(ranges.low, ranges.high, strict=True))
    ]  # fmt: skip


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return csv_cell(value) if isinstance(value, str) else value


def _span(ranges: ChannelRanges) -> str:
    return f"{ranges.low.min():.3g} … {ranges.high.max():.3g}"
