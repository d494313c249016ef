"""The interpreters that say what a model computes, and models that are run by them.

None of them trusts its model less than its own code: a check that fails ends the process, and a
number that lies leads anywhere. They run in a worker, whose death is an error like any other.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfedge.errors import MissingToolError, TfedgeError, UnsupportedError
from tfedge_converters.graph.digest import digest
from tfedge_converters.graph.types import Model, Tensor
from tfedge_converters.graph.writer import write_model
from tfedge_converters.interpreters.culprit import find_culprit
from tfedge_converters.interpreters.errors import InterpreterDiedError
from tfedge_converters.interpreters.work import work
from tfedge_converters.worker.failures import DeathError, FailureError, Kind, RefusalError
from tfedge_converters.worker.limits import Limits, limits
from tfedge_converters.worker.session import Session, session

Sample = Sequence[np.ndarray]
Outputs = list[list[np.ndarray]]

_MICRO_PER_TENSOR_BYTES = 1024
_MICRO_LEAST_BYTES = 1 << 18
# TRANSPOSE_CONV sums up its int8 output in int32 beside it.
_MICRO_BYTES_PER_BYTE = 6


@dataclass(frozen=True)
class Interpreter:
    """An interpreter, with its kernels.

    Attributes:
        title: what messages call it.
        loader: a key of `engines.LOADERS`.
        options: what that takes to load a model, given as a graph and as a file.
        restores: whether it reads constants that are compressed for TFLite Micro.
    """

    title: str
    loader: str
    options: Callable[[Model, bytes], dict[str, Any]]
    restores: bool = False

    def file_of(self, model: Model, flatbuffer: bytes | None) -> bytes:
        """The file to load: the model's own, where there is one that the interpreter reads."""
        if flatbuffer is None or (model.was_compressed and not self.restores):
            return write_model(model)
        return flatbuffer


def _litert(resolver: str) -> Interpreter:
    return Interpreter("LiteRT", "litert", lambda model, flatbuffer: {"resolver": resolver})


def _micro_options(model: Model, flatbuffer: bytes) -> dict[str, Any]:
    arena = len(flatbuffer) + sum(
        _MICRO_BYTES_PER_BYTE * tensor.byte_size + _MICRO_PER_TENSOR_BYTES
        for tensor in model.main.tensors()
    )
    counts = {"inputs": len(model.main.inputs), "outputs": len(model.main.outputs)}
    return {"arena": max(arena, _MICRO_LEAST_BYTES), **counts}


# As phones run it, with XNNPACK.
LITERT = _litert("AUTO")
# The same kernels without XNNPACK, which keeps intermediate results to itself.
LITERT_PLAIN = _litert("BUILTIN_WITHOUT_DEFAULT_DELEGATES")
LITERT_REFERENCE = _litert("BUILTIN_REF")
MICRO = Interpreter("TFLite Micro", "tflite-micro", _micro_options, restores=True)

# Outputs of all samples are kept; devices have less memory than this for all that they do.
_MOST_OUTPUT_BYTES = 1 << 26

# The operator at fault, by interpreter, kind of failure and digest: models fail more than once.
_CULPRITS: dict[tuple[str, Kind, str], int | None] = {}


@contextmanager
def opened(
    interpreter: Interpreter,
    model: Model,
    flatbuffer: bytes | None = None,
    *,
    shown: Sequence[Tensor] | None = None,
    before: Sequence[Tensor] = (),
    what: str = "the model",
) -> Iterator[Session]:
    """A model in a worker.

    Args:
        interpreter: what runs it.
        model: the graph.
        flatbuffer: its file; None: it is written.
        shown: tensors of the main graph to show after each sample; None: the outputs.
        before: variables to show, in front of them, as they are before each sample.
        what: what messages call the model.

    Raises:
        UnsupportedError: the interpreter refuses the model or a sample.
        InterpreterDiedError: its process ended over it.
        MissingToolError: the interpreter is not installed.
    """
    _require(interpreter)
    flatbuffer = interpreter.file_of(model, flatbuffer)
    options = interpreter.options(model, flatbuffer)
    if shown is not None:
        places = {id(tensor): place for place, tensor in enumerate(model.main.tensors())}
        options["shown"] = [places[id(tensor)] for tensor in shown]
        options["before"] = [places[id(tensor)] for tensor in before]
        options["preserve"] = True
    arguments = (interpreter.loader, options, flatbuffer)
    with (
        _as_tfedge_error(interpreter, model, what),
        session(*arguments, limits=limits(work(model))) as running,
    ):
        yield running


def run_model(
    interpreter: Interpreter,
    model: Model,
    flatbuffer: bytes | None,
    samples: Sequence[Sample],
    sequence: int = 1,
    what: str = "the model",
) -> Outputs:
    """The outputs of a model for each sample.

    Args:
        interpreter: what runs it.
        model: the graph.
        flatbuffer: its file; None: it is written.
        samples: for each, one array an input.
        sequence: variables are reset before every so many samples.
        what: what messages call the model.

    Raises:
        See `opened`.
    """

    with _as_tfedge_error(interpreter, model, what):
        flatbuffer = interpreter.file_of(model, flatbuffer)
        try:
            return _outputs(interpreter, model, flatbuffer, samples, sequence)
        except DeathError as death:
            if _is_guilty(interpreter, model, death):
                raise
        return _outputs(interpreter, model, flatbuffer, samples, sequence)


def _outputs(
    interpreter: Interpreter,
    model: Model,
    flatbuffer: bytes,
    samples: Sequence[Sample],
    sequence: int | None,
    *,
    allowed: Limits | None = None,
) -> Outputs:
    _require(interpreter)
    options = interpreter.options(model, flatbuffer)
    arguments = (interpreter.loader, options, flatbuffer)
    with session(*arguments, limits=allowed or limits(work(model))) as running:
        if sum(spec.byte_size for spec in running.shown) > _MOST_OUTPUT_BYTES:
            raise RefusalError(f"its outputs take more than {_MOST_OUTPUT_BYTES >> 20} MiB")
        return [[np.array(v) for v in values] for values in running.run(samples, sequence)]


def _is_guilty(interpreter: Interpreter, model: Model, death: DeathError) -> bool:
    """Whether a death is this model's doing, not that of one that the worker ran before."""
    if death.may_be_anothers:
        death.may_be_anothers = not _fails_again(interpreter, death)(model, limits(work(model)))
    return not death.may_be_anothers


def _fails_again(
    interpreter: Interpreter, failure: FailureError
) -> Callable[[Model, Limits], bool]:
    """Whether a model comes to the same end."""

    def fails(part: Model, allowed: Limits) -> bool:
        try:
            _outputs(interpreter, part, write_model(part), failure.samples, None, allowed=allowed)
        except FailureError as another:
            return another.kind == failure.kind
        except TfedgeError:
            pass
        return False

    return fails


@contextmanager
def _as_tfedge_error(interpreter: Interpreter, model: Model, what: str) -> Iterator[None]:
    try:
        yield
    except FailureError as failure:
        kind = InterpreterDiedError if isinstance(failure, DeathError) else UnsupportedError
        place = _place_of_failure(interpreter, model, failure)
        raise kind(f"{interpreter.title} cannot run {what}: {place}{failure}") from failure


def _place_of_failure(interpreter: Interpreter, model: Model, failure: FailureError) -> str:
    if failure.kind is Kind.OTHER:
        return ""
    key = (interpreter.title, failure.kind, digest(model))
    if key not in _CULPRITS:
        fails = _fails_again(interpreter, failure)
        _CULPRITS[key] = find_culprit(
            model,
            fails,
            limits(work(model)),
            out_of_time=failure.kind is Kind.OUT_OF_TIME,
            certain=not failure.may_be_anothers,
        )
    place = _CULPRITS[key]
    return "" if place is None else f"{model.main.place(model.main.operators[place])}: "


def _require(interpreter: Interpreter) -> None:
    if interpreter is MICRO and importlib.util.find_spec("tflite_micro") is None:
        raise MissingToolError(
            "TFLite Micro's interpreter is not installed: pip install tflite-micro "
            "(Linux on x86-64)"
        )
