"""Comparison of engines on one model, bit for bit, and the first operator that differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from tfedge.errors import MissingToolError, TfedgeError, UnsupportedError
from tfedge.result import Result
from tfedge.terminal_text import cells
from tfedge_converters.board.places import Place
from tfedge_converters.execute import ExecutionError
from tfedge_converters.graph import Graph, Model, Operator, write_model
from tfedge_converters.graph.metadata import computes_in_bfp8
from tfedge_converters.graph.real_operators import library_rounding
from tfedge_converters.verify.board_engine import PLACES, BoardEngine
from tfedge_converters.verify.differences import reason
from tfedge_converters.verify.divisors import with_divisors
from tfedge_converters.verify.engines import SEQUENCE, Engine, Outputs, Sample, engine
from tfedge_converters.verify.samples import given_samples, random_samples
from tfedge_converters.verify.subject import Subject, subject_of, with_sizes

DEFAULT_ENGINES = ("tflite-micro", "litert-reference", "litert", "c")
# What is run of itself where a board is.
_WITH_BOARD = ("c",)

# The first of these that can run a model says what is right.
_TRUTHS = {
    "tflite-micro": "TFLite Micro's reference kernels: the arithmetic that devices run",
    "stepwise": "TFLite Micro's reference kernels, and LiteRT's where TFLite Micro has none",
    "litert-reference": "LiteRT's reference kernels, since TFLite Micro cannot run the model",
}
# Of models in block floating point.
_OWN_TRUTHS = {
    "block-floating-point": "tfedge's arithmetic of integers with exponents found at run time, in "
    "Python: no interpreter has it"
}


@dataclass(frozen=True)
class Comparison:
    """One engine against the truth.

    Attributes:
        engine: its name.
        skipped: why it did not run, or empty.
        mismatches: output elements that differ, of `elements`, over all samples.
        rounded: those that differ by no more than functions such as exp do between libraries, see
            `graph.real_operators.library_rounding`; of generated C, these are no mismatches.
        largest: the largest absolute difference of an element.
        samples: samples with at least one difference.
        first_operator: the first operator whose output differs, in words; empty if none does.
        reason: why, where the difference is a known one.
    """

    engine: str
    skipped: str = ""
    mismatches: int = 0
    rounded: int = 0
    elements: int = 0
    largest: float = 0.0
    samples: int = 0
    first_operator: str = ""
    reason: str = ""

    def words(self) -> tuple[str, str, str]:
        """How many elements differ, by how much at most, and where and why."""
        if self.skipped:
            return "not run", "", self.skipped
        where = self.first_operator + (f": {self.reason}" if self.reason else "")
        count = f"{self.mismatches:,} of {self.elements:,}"
        if self.rounded:
            count += f"; {self.rounded:,} by rounding"
        return count, f"{self.largest:g}", where


@dataclass(frozen=True, repr=False)
class Verification(Result):
    """The outcome of `verify`.

    Attributes:
        truth: the engine that says what is right.
        truth_reason: why it is that one.
        samples: how many samples were run.
        comparisons: the other engines against it.
        asked: the engines that were asked for by name; empty if the usual ones were run.
        faults: of generated files that were verified as they lie: what in them does not belong to
            the model, in words.
        board_difference: the first layer that a board computes otherwise than this computer does
            by the same C, in words; empty if there is none.
        note: on a folder without C of its own: what was compared in its place; else empty.
    """

    truth: str
    truth_reason: str
    samples: int
    comparisons: tuple[Comparison, ...]
    asked: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    board_difference: str = ""
    note: str = ""

    @property
    def ours(self) -> tuple[Comparison, ...]:
        """The comparisons of generated C, on this computer or in QEMU, that were made."""
        return tuple(c for c in self.comparisons if is_ours(c.engine) and not c.skipped)

    @property
    def not_run(self) -> tuple[Comparison, ...]:
        """The comparisons that were asked for by name and could not be made."""
        return tuple(c for c in self.comparisons if c.skipped and c.engine in self.asked)

    @property
    def passed(self) -> bool:
        """Whether generated C was run and equals the truth in every bit.

        Where it computes functions such as exp with real numbers, that is up to the rounding of
        the C library.

        Every engine of generated C that was asked for by name has run, then, and files that were
        verified as they lie are those of the model.
        """
        equal = bool(self.ours) and not any(c.mismatches for c in self.ours)
        equal = equal and not self.board_difference
        return equal and not any(is_ours(c.engine) for c in self.not_run) and not self.faults

    def headline(self) -> str:
        """Whether it passed, and why not."""
        outcome = "passed" if self.passed else "not passed"
        return f"{outcome}, {self.samples} samples: {'; '.join(self.verdict())}"

    def sections(self) -> Iterable[Any]:
        """Return what was run, a table of the engines, and the verdict."""
        yield f"{self.samples} samples; the truth is {self.truth_reason}"
        yield self.table()
        yield "\n".join(self.verdict())

    def verdict(self) -> list[str]:
        """Say in sentences what came out."""
        lines = [f"not run, though asked for: {item.engine}" for item in self.not_run]
        lines += [f"WRONG FILES: {fault}" for fault in self.faults]
        if self.board_difference:
            lines.append(
                "THE BOARD DIFFERS from the same C on this computer, first in "
                f"{self.board_difference}"
            )
        if not self.ours:
            return [*lines, "generated C was not run"]
        lines += [self.note] if self.note else []
        differs = any(item.mismatches for item in self.ours)
        return [*lines, "GENERATED C DIFFERS" if differs else "generated C equals the truth"]

    def table(self) -> Any:
        """A rich table, an engine a line."""
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE)
        table.add_column("engine", no_wrap=True)
        table.add_column("differing elements", justify="right")
        table.add_column("largest", justify="right")
        table.add_column("first operator that differs, and why")
        for item in self.comparisons:
            table.add_row(*cells(item.engine, *item.words()))
        return table


def is_ours(name: str) -> bool:
    """Whether an engine runs generated C, which must equal the truth."""
    return name == "c" or name.startswith(("qemu:", *PLACES))


def verify(
    model: Any,
    inputs: Any = None,
    *,
    samples: int = 100,
    sequence: int = SEQUENCE,
    seed: int = 0,
    engines: Sequence[str] | None = None,
    board: str | Place | None = None,
    input_shapes: Any = None,
) -> Verification:
    """Run a model on several engines and compare every output bit with the truth.

    Args:
        model: a .tflite file, its bytes, or a typed Model, whose C is generated for this; what
            `convert` returned, or the folder that it was saved to, whose C is verified as it is:
            it is compiled, its self-test runs, its constants are compared with the model's, and
            all files with their manifest.
        inputs: samples of the model's own input types: an array whose first axis is samples, a
            list or dict of them, or an .npz file; None for random ones.
        samples: how many random samples.
        sequence: of a model that keeps its state, how many consecutive samples are one sequence,
            at least 1; every engine is reset before each, and not within.
        seed: of the random samples.
        engines: names of `engines.ENGINES`, or qemu:CORE. One that cannot run here is reported
            as skipped, and if it is one of generated C, `passed` is False; None for
            `DEFAULT_ENGINES`, of which those that cannot run are left out.
        board: a board that runs the C in the folder, as one engine more, which has to run: one of
            QEMU's, by its name, or one at a serial port, by its path. Without `engines`, it and "c"
            are what is run. Its layers are compared with those of the same C on this computer.
        input_shapes: shapes without the batch, where the model leaves sizes open: one if there is
            one input, a list in the model's order, or a dict by name.

    Raises:
        ModelFileError: the file is no model.
        UnsupportedError: it was compiled for an accelerator.
        TfedgeError: an engine is unknown, a sequence has no samples, the inputs do not fit, a size
            is not known, or nothing can say what is right.
        ExecutionError: the C in a folder does not compile, or crashes.
        BoardError: the board cannot be reached, runs another model, gives no answer or fails.
    """
    _require_counts(samples, sequence, seed)
    place = None if board is None else Place.of(board)
    if place is not None:
        place.check()
        engines = _WITH_BOARD if engines is None else engines
    names = _names(engines)
    with subject_of(model) as opened:
        subject = with_sizes(opened, input_shapes)
        if place is not None:
            subject = replace(subject, board=BoardEngine(place, subject.generated_program()))
            names = [*names, str(place)]
        return _verified(subject, inputs, samples, sequence, seed, names, engines is not None)


def _require_counts(samples: int, sequence: int, seed: int) -> None:
    """Refuses numbers of samples below 1, a seed below 0, and what is no integer."""
    for what, least, given in (
        ("a sequence has at least 1 sample", 1, sequence),
        ("at least 1 sample is needed to compare", 1, samples),
        ("a seed is an integer of at least 0", 0, seed),
    ):
        if not isinstance(given, Integral) or given < least:
            raise TfedgeError(f"{what}, not {given!r}")


def _names(engines: Sequence[str] | None) -> Sequence[str]:
    """The engines to run; unknown ones are refused before any of them runs."""
    names = DEFAULT_ENGINES if engines is None else engines
    if isinstance(names, str):
        raise TfedgeError(f"engines are given as a list, such as ['{names}']")
    for name in names:
        engine(name)
    return names


def _verified(
    subject: Subject,
    inputs: Any,
    samples: int,
    sequence: int,
    seed: int,
    names: Sequence[str],
    asked: bool,
) -> Verification:
    typed = subject.model
    data: Sequence[Sample] = (
        with_divisors(typed, random_samples(typed.main, samples, seed))
        if inputs is None
        else given_samples(typed.main, inputs)
    )
    faults = subject.file_faults()
    results = {name: _run(subject, name, data, sequence, bool(faults)) for name in names}
    truths = _OWN_TRUTHS if computes_in_bfp8(typed.metadata) else _TRUTHS
    truth = _truth(truths, subject.flatbuffer, data, sequence, results)
    right = results[truth]
    assert not isinstance(right, str)
    comparisons = tuple(
        Comparison(name, skipped=result)
        if isinstance(result, str)
        else _compare(name, result, truth, right, typed, data, sequence)
        for name, result in results.items()
        if name != truth
    )
    faults += _self_test_faults(subject, bool(faults))
    return Verification(
        truth,
        truths[truth],
        len(data),
        comparisons,
        asked=tuple(names) if asked else (),
        faults=tuple(faults),
        board_difference=subject.board_difference,
        note=subject.note(),
    )


def _run(
    subject: Subject, name: str, data: Sequence[Sample], sequence: int, known_wrong: bool
) -> Outputs | str:
    """Run as `_try` does; that wrong files do not compile, or crash, is one of the reasons."""
    try:
        return _try(subject.engine(name), subject.flatbuffer, data, sequence)
    except ExecutionError as error:
        if not known_wrong:
            raise
        return str(error)


def _self_test_faults(subject: Subject, known_wrong: bool) -> list[str]:
    """Describe the subject's faults; that wrong files do not compile, or crash, is one of them."""
    try:
        return subject.self_test_faults()
    except ExecutionError as error:
        if not known_wrong:
            raise
        return [str(error)]


def _try(run: Engine, flatbuffer: bytes, data: Sequence[Sample], sequence: int) -> Outputs | str:
    """The outputs, or why there are none."""
    try:
        return run(flatbuffer, data, sequence)
    except (MissingToolError, UnsupportedError) as error:
        return str(error)


def _truth(
    truths: Iterable[str],
    flatbuffer: bytes,
    data: Sequence[Sample],
    sequence: int,
    results: dict[str, Outputs | str],
) -> str:
    for name in truths:
        if name not in results:
            results[name] = _try(engine(name), flatbuffer, data, sequence)
        if not isinstance(results[name], str):
            return name
    raise TfedgeError(
        "nothing can say what is right: " + "; ".join(f"{name}: {results[name]}" for name in truths)
    )


def _compare(
    name: str,
    result: Outputs,
    truth: str,
    right: Outputs,
    model: Model,
    data: Sequence[Sample],
    sequence: int,
) -> Comparison:
    room = _room(model) if is_ours(name) else 0.0
    wrong = [_differences(a, b, room) for a, b in zip(result, right, strict=True)]
    failing = [index for index, item in enumerate(wrong) if item.wrong]
    first = None
    if failing and not name.startswith(PLACES):  # boards say by themselves where they differ
        begin = failing[0] - failing[0] % sequence
        first = _first_difference(name, truth, model, data[begin : failing[0] + 1])
    return Comparison(
        engine=name,
        mismatches=sum(item.wrong for item in wrong),
        rounded=sum(item.rounded for item in wrong),
        elements=sum(value.size for sample in right for value in sample),
        largest=max((item.largest for item in wrong), default=0.0),
        samples=len(failing),
        first_operator="" if first is None else model.main.place(first),
        reason="" if first is None else _reason(name, first, model),
    )


def _reason(name: str, operator: Operator, model: Model) -> str:
    """Why an engine differs at an operator; empty if it is not known to."""
    if computes_in_bfp8(model.metadata):
        return "" if is_ours(name) else "computes with real numbers, which it rounds to int8"
    return reason(name, operator.code) if _computes_integers(operator) else ""


def _room(model: Model) -> float:
    """How far outputs of generated C may be off; integers alone are the same everywhere."""
    return 0.0 if computes_in_bfp8(model.metadata) else library_rounding(model.main)


def _computes_integers(operator: Operator) -> bool:
    tensors = (*operator.inputs, *operator.outputs)
    return any(tensor is not None and tensor.quantization is not None for tensor in tensors)


class _Differences(NamedTuple):
    """Elements that differ, those that do so by rounding alone, and the largest difference."""

    wrong: int
    rounded: int
    largest: float


def _differences(
    actual: Sequence[np.ndarray], right: Sequence[np.ndarray], rounding: float = 0.0
) -> _Differences:
    """Compare outputs; real ones may differ by `rounding` times the largest of them."""
    count, rounded, largest = 0, 0, 0.0
    for a, b in zip(actual, right, strict=True):
        if a.shape != b.shape or a.dtype != b.dtype:
            count, largest = count + max(a.size, b.size, 1), float("inf")
            continue
        unequal = _bits(a) != _bits(b)
        if a.dtype == np.float32:  # what is no number has other bits on other processors
            unequal &= ~(np.isnan(a) & np.isnan(b)).reshape(-1)
        if not unequal.any():
            continue
        distance = np.abs(a.astype(float) - b.astype(float)).reshape(-1)
        room = rounding * float(np.abs(b).max()) if a.dtype == np.float32 else 0.0
        close = unequal & (distance <= room) & (room > 0)
        count += int(unequal.sum()) - int(close.sum())
        rounded += int(close.sum())
        largest = max(largest, float(distance.max()))
    return _Differences(count, rounded, largest)


def _bits(value: np.ndarray) -> np.ndarray:
    """Elements by their bits, so that -0.0 and not-a-number compare as what they are."""
    return np.ascontiguousarray(value).reshape(-1).view(f"u{value.dtype.itemsize}")


def _first_difference(
    name: str, truth: str, model: Model, samples: Sequence[Sample]
) -> Operator | None:
    """The first operator, in order, with an output of the last sample on which engines differ.

    Args:
        name, truth: the engines.
        model: the model.
        samples: a sequence from its begin.
    """
    exposed = expose_intermediates(model)
    flatbuffer = write_model(exposed)
    room = _room(model) if is_ours(name) else 0.0
    results = [_try(engine(which), flatbuffer, samples, len(samples)) for which in (name, truth)]
    if isinstance(results[0], str) or isinstance(results[1], str):
        return None
    made_by = {id(t): op for op in model.main.operators for t in op.outputs}
    for tensor, a, b in zip(exposed.main.outputs, results[0][-1], results[1][-1], strict=True):
        if _differences([a], [b], room).wrong:
            return made_by[id(tensor)]
    return None


def expose_intermediates(model: Model) -> Model:
    """The same model with the result of every operator as an output, in their order."""
    graph = model.main
    outputs = [tensor for operator in graph.operators for tensor in operator.outputs]
    return Model([Graph(graph.inputs, outputs, graph.operators, graph.name)])
