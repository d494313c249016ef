"""The roads that a file can take through tfedge, none of which may end in anything but a result
or a TfedgeError.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from hostile.ends import check_end, temporary_files_in
from hostile.formats.format import command

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.c import CSource, Options, generate
from tfedge_converters.graph import Model, Range, TensorType, read_model, write_model
from tfedge_converters.graph.passes.lstm_markers import fuse_lstm_markers
from tfedge_converters.graph.passes.normalization_markers import expand_normalization_markers
from tfedge_converters.graph.passes.range_markers import consume_range_markers
from tfedge_converters.graph.passes.weight_markers import consume_weight_markers
from tfedge_converters.ptq import calibrate, input_specs, quantize
from tfedge_converters.tflm import generate_array

_HOST = targets.load("host")
_LARGEST_INPUT = 1 << 16
_TARGETS = ("host", "cortex-m4", "tflite", "tflite-micro", "edgetpu")
_ENGINES = ("tflite-micro", "litert-reference", "litert")
_COMPILED_SHARE = 0.1
_CALIBRATED_SHARE = 0.8
_DISGUISED = (MemoryError, RecursionError)


class DisguisedError(Exception):
    """A TfedgeError that was made from running out of something."""


@dataclass
class Journey:
    """How far a file came.

    Attributes:
        reached: the stages that ended in a result.
        refused: the message of each stage that ended in a TfedgeError.
        programs: generated C, with the integer model's file.
    """

    reached: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    programs: list[tuple[CSource, bytes]] = field(default_factory=list)


def travel(
    data: bytes, rng: np.random.Generator, name: str, stage: Callable[[str], None] = lambda _: None
) -> Journey:
    """Takes a file along every road.

    Args:
        data: a file, damaged or not.
        rng: for ranges, options and samples.
        name: of the generated programs.
        stage: is told what comes next, in case that it does not return.

    Raises:
        Exception: anything that is not a TfedgeError, which is a bug.
    """
    journey = Journey()
    attempt = partial(try_stage, journey, stage)
    model = attempt("read", read_model, data)
    if model is None:
        return journey
    again = attempt("write", write_model, model)
    if again is not None:
        stage("read again")
        read_model(again)
    attempt("array", generate_array, model, data, name)
    optimize = str(rng.choice(["shared", "shared", "size", "balanced", "speed"]))
    options = Options(name, _HOST, optimize)
    source = attempt("generate", generate, model, options, flatbuffer=data)
    if source is None and _has_reals(model):
        source = _quantized_road(attempt, model, rng, options)
    if source is not None:
        stage("write the generated")
        journey.programs.append((source, write_model(model)))
    return journey


def travel_publicly(
    data: bytes, rng: np.random.Generator, stage: Callable[[str], None] = lambda _: None
) -> Journey:
    """Takes a file through public functions and commands, whose interpreters trust it.

    All of them go through `tfedge.convert` and `tfedge verify`, and along one other road.

    Args:
        data: a file, damaged or not.
        rng: for targets, engines and samples.
        stage: as for `travel`.

    Raises:
        BadEndError: something was left behind, or a refusal is no sentence.
        Exception: anything else that is not a TfedgeError, which is a bug.
    """
    journey = Journey()
    attempt = partial(try_stage, journey, stage)
    with tempfile.TemporaryDirectory(prefix="tfedge-hostile-") as scratch:
        given, temporary, output = (
            Path(scratch, name) for name in ("damaged.tflite", "temporary", "output")
        )
        given.write_bytes(data)
        temporary.mkdir()
        with temporary_files_in(temporary):
            target = str(rng.choice(_TARGETS))
            attempt(f"convert for {target}", _converted, data, target, rng)
            engines = [*_ENGINES, *["c"] * bool(rng.random() < _COMPILED_SHARE)]
            named = [word for engine in engines for word in ("--engine", engine)]
            attempt("tfedge verify", command, "verify", given, "--samples", "2", *named)
            check_end(journey.refused, temporary, output)
            other = str(rng.choice(list(_OTHER_ROADS)))
            attempt(other, _OTHER_ROADS[other], given, output, target, rng)
        refused = {other: journey.refused[other]} if other in journey.refused else {}
        check_end(refused, temporary, output)
    return journey


def _converted(data: bytes, target: str, rng: np.random.Generator):
    sample = _sample(read_model(data), rng) if rng.random() < _CALIBRATED_SHARE else None
    calibration = None if sample is None else [sample]
    return tfedge.convert(data, target=target, calibration=calibration)


def _calibrated(given: Path, output: Path, target: str, rng: np.random.Generator) -> None:
    tfedge.calibrate(given, [_sample(read_model(given.read_bytes()), rng)]).save(output)


_OTHER_ROADS: Mapping[str, Callable[[Path, Path, str, np.random.Generator], object]] = {
    "calibrate": _calibrated,
    "check": lambda given, output, target, rng: tfedge.check(given),
    "tfedge check": lambda given, output, target, rng: command("check", given, "--html", output),
    "tfedge convert": lambda given, output, target, rng: command(
        "convert", given, "--output", output, "--target", target
    ),
}


def try_stage(
    journey: Journey, stage: Callable[[str], None], what: str, function, *args, **options
):
    """The result of a function, or None where it ends in a TfedgeError; the journey notes which."""
    stage(what)
    try:
        result = function(*args, **options)
    except TfedgeError as error:
        _look_behind(error)
        journey.refused[what] = str(error)
        return None
    journey.reached.append(what)
    return result


def _quantized_road(attempt, model: Model, rng: np.random.Generator, options: Options):
    """Quantises in place; the ranges come from a sample, or from chance."""
    if attempt("markers", _markers, model) is None:
        return None
    if rng.random() < 0.5:
        attempt("calibrate", _calibrate, model, rng)
    _random_ranges(model, rng)
    ends = {"input_type": _end(rng), "output_type": _end(rng)}
    if attempt("quantize", lambda: (quantize(model, **ends), model)[1]) is None:
        return None
    attempt("read the quantized", lambda: read_model(write_model(model)))
    return attempt("generate the quantized", generate, model, options)


def _markers(model: Model) -> Model:
    consume_weight_markers(model)
    consume_range_markers(model)
    fuse_lstm_markers(model)
    expand_normalization_markers(model)
    return model


def _calibrate(model: Model, rng: np.random.Generator) -> Model:
    calibrate(model, [_sample(model, rng)])
    return model


def _sample(model: Model, rng: np.random.Generator) -> list[np.ndarray]:
    specs = input_specs(model)
    if any(max(math.prod(s.shape), *s.shape, 0) > _LARGEST_INPUT for s in specs):
        raise TfedgeError("too large for a sweep")
    return [
        rng.normal(size=spec.shape).astype(spec.dtype)
        if spec.dtype.kind == "f"
        else np.zeros(spec.shape, np.uint8 if spec.dtype.kind == "O" else spec.dtype)
        for spec in specs
    ]


def _random_ranges(model: Model, rng: np.random.Generator) -> None:
    wild = rng.random() < 0.1
    for tensor in model.main.tensors():
        if tensor.type == TensorType.FLOAT32 and tensor.range is None and rng.random() < 0.99:
            low, high = np.sort(rng.normal(size=2) * np.exp(rng.uniform(-5, 5)))
            tensor.range = Range(float(low), float(high))
            if wild:
                tensor.range = Range(float(rng.choice([-3e38, -1e-40, 0.0, np.nan])), 1e-41)


def _end(rng: np.random.Generator) -> str:
    return str(rng.choice(["int8", "float32"]))


def _has_reals(model: Model) -> bool:
    return any(tensor.type == TensorType.FLOAT32 for tensor in model.main.tensors())


def _look_behind(error: BaseException) -> None:
    """A refusal must come from looking, not from running out of memory or stack."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _DISGUISED) and not _is_bounded(cause):
            raise DisguisedError(f"{type(cause).__name__} behind: {error}") from error
        cause = cause.__cause__ or cause.__context__


def _is_bounded(error: BaseException) -> bool:
    """Whether the depth was counted on purpose: the reader of JSON stops so."""
    return isinstance(error, RecursionError) and "JSON" in str(error)
