"""`tfedge run`: a converted model on a board, its outputs, and what its layers take."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.errors import MissingToolError, TfedgeError
from tfedge.result import Result
from tfedge.terminal_text import cells
from tfedge_converters.board.places import Place
from tfedge_converters.board.running import BoardRun, difference_from_host, run_samples
from tfedge_converters.execute.program import CProgram
from tfedge_converters.graph import Graph, read_model
from tfedge_converters.verify.samples import given_samples, random_samples
from tfedge_converters.verify.written import Written, open_written

_SHOWN_VALUES = 10


@dataclass(frozen=True, repr=False)
class BoardReport(Result):
    """The outputs of a board, and how long each of its layers took.

    Attributes:
        place: where the board is.
        program: the model.
        run: what came back.
        difference: the first layer that is not what the same C makes on this computer, in words;
            empty if there is none.
        not_compared: why there is nothing to compare with; empty if there is.
    """

    place: Place
    program: CProgram
    run: BoardRun
    difference: str
    not_compared: str = ""

    @property
    def outputs(self) -> dict[str, np.ndarray]:
        """Arrays by the names of outputs; their first axis is samples."""
        return {
            spec.name: np.stack([sample[index] for sample in self.run.outputs])
            for index, spec in enumerate(self.program.outputs)
        }

    @property
    def layer_ticks(self) -> list[float | None]:
        """Ticks of each layer, on the average of samples; None where one was not counted."""
        columns = zip(*self.run.layers, strict=True)
        return [_mean([layer.ticks for layer in column]) for column in columns]

    @property
    def _samples(self) -> str:
        count = len(self.run.outputs)
        return f"{count:,} sample{'s' * (count != 1)}"

    @property
    def verdict(self) -> str:
        """Whether the board computes what this computer does, in a sentence."""
        if self.not_compared:
            return f"not compared with this computer: {self.not_compared}"
        if self.difference:
            return f"THE BOARD DIFFERS from the same C on this computer, first in {self.difference}"
        return "every layer is what the same C makes on this computer, in every bit"

    def headline(self) -> str:
        """Where it ran, and whether that was right."""
        return f"{self._samples} on {self.place}: {self.verdict}"

    def sections(self) -> Iterable[Any]:
        """Return the outputs, a table of the layers, and the verdict."""
        yield f"model '{self.program.name}', {self._samples} on {self.place}"
        yield "\n".join(f"{name}: {_shown(values)}" for name, values in self.outputs.items())
        yield self.table()
        yield self.verdict

    def table(self) -> Any:
        """A rich table, a layer a line."""
        from rich import box
        from rich.table import Table

        unit = self.run.hello.tick_unit or "ticks"
        ticks = self.layer_ticks
        total = sum(item or 0.0 for item in ticks)
        table = Table(box=box.SIMPLE)
        table.add_column("layer")
        table.add_column(unit, justify="right")
        table.add_column("share", justify="right")
        for index, item in enumerate(ticks):
            share = "" if item is None or not total else f"{item / total:.1%}"
            table.add_row(*cells(f"{index} {self.program.layers[index]}", _count(item), share))
        whole = None if None in ticks else total
        table.add_row(*cells("all" + self._seconds(whole), _count(whole), ""))
        return table

    def _seconds(self, ticks: float | None) -> str:
        rate = self.run.hello.ticks_per_second
        return "" if ticks is None or not rate else f", {1000 * ticks / rate:,.3f} ms"

    def json(self) -> str:
        """All of it as JSON."""
        hello = self.run.hello
        layers = [
            {"index": index, "name": self.program.layers[index], "ticks": ticks}
            for index, ticks in enumerate(self.layer_ticks)
        ]
        document = {
            "model": self.program.name,
            "place": str(self.place),
            "outputs": {name: values.tolist() for name, values in self.outputs.items()},
            "layers": layers,
            "tick_unit": hello.tick_unit,
            "ticks_per_second": hello.ticks_per_second or None,
            "equals_this_computer": None if self.not_compared else not self.difference,
            "difference": self.difference or self.not_compared or None,
        }
        return json.dumps(document, indent=2) + "\n"


def run_on_board(
    folder: str | Path, board: str | Place, inputs: Any = None, *, sequence: int | None = None
) -> BoardReport:
    """Run a converted model on a board.

    Args:
        folder: that `convert` wrote.
        board: one of QEMU's, by its name, or one at a serial port, by its path.
        inputs: samples of the model's own input types: an array whose first axis is samples, or of
            one sample; a list or dict of arrays; an .npy or .npz file; None for one random sample.
        sequence: how many consecutive samples are one sequence, for a model that keeps its state;
            None: all are one.

    Raises:
        ModelFileError: the folder has no model.
        BoardError: the board cannot be reached, runs another model, gives no answer or fails.
        MissingToolError: what builds or runs QEMU's firmware is not installed.
        TfedgeError: the folder has no generated C, or the inputs do not fit.
    """
    place = Place.of(board)
    place.check()
    written = _written_in(Path(folder))
    program = _program_of(written)
    graph = read_model(written.flatbuffer, source=str(folder)).main
    samples = random_samples(graph, 1, 0) if inputs is None else _samples(graph, inputs)
    with place.opened(program) as port:
        run = run_samples(port, program, samples, sequence)
    try:
        difference, reason = difference_from_host(run, program, samples, sequence), ""
    except MissingToolError as error:
        difference, reason = "", str(error)
    return BoardReport(place, program, run, difference, reason)


def program_in(folder: Path) -> CProgram:
    """The generated C in a folder that `convert` wrote.

    Raises:
        ModelFileError: the folder has no model.
        TfedgeError: it has no generated C.
    """
    return _program_of(_written_in(folder))


def _written_in(folder: Path) -> Written:
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "there is no such folder"
        raise TfedgeError(f"{folder}: {what}; give the one that 'tfedge convert' wrote")
    return open_written(folder)


def _program_of(written: Written) -> CProgram:
    if written.program is None:
        raise TfedgeError(
            f"{written.folder}: has no generated C; boards run that: convert the model for a "
            "microcontroller, e.g. --target cortex-m4"
        )
    return written.program


def _samples(graph: Graph, inputs: Any) -> list[list[np.ndarray]]:
    """Samples as `given_samples` takes them; an array of one sample's shape is one, too."""
    if isinstance(inputs, (str, Path)) and Path(inputs).suffix == ".npy":
        from tfedge.array_files import read_array

        inputs = read_array(Path(inputs), "an .npy or .npz file")
    shape = graph.inputs[0].shape
    if isinstance(inputs, np.ndarray) and inputs.shape == shape[1:] and shape[:1] == (1,):
        inputs = inputs[None]
    return given_samples(graph, inputs)


def _mean(ticks: Sequence[int | None]) -> float | None:
    counted = [item for item in ticks if item is not None]
    return sum(counted) / len(counted) if counted and len(counted) == len(ticks) else None


def _count(ticks: float | None) -> str:
    return "not counted" if ticks is None else f"{ticks:,.0f}"


def _shown(values: np.ndarray) -> str:
    first = values[0].reshape(-1)
    text = " ".join(str(value) for value in first[:_SHOWN_VALUES])
    more = " ..." if first.size > _SHOWN_VALUES else ""
    others = f"; {len(values) - 1:,} samples more" if len(values) > 1 else ""
    return f"{values.dtype} {values.shape[1:]}: {text}{more}{others}"
