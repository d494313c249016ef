"""Two roads from a Keras model to integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras_layers.models import Example
from outcomes import NoisyError, Outcome, WarnedError, WrongError, outcome_of

import tfedge
from tfedge.errors import UnsupportedError
from tfedge_converters.graph import TensorType
from tfedge_converters.verify.engines import engine

# Predict and the interpreter may differ where functions are approximated in other ways.
_FARTHEST = 2
# Of outputs that are no real numbers, the share that eight bits may change.
_MOST_OTHERS = 0.1


def training(example: Example) -> Outcome:
    """`tfedge.quantize`, `predict` against the float model, and the device against `predict`."""

    def road() -> float:
        quantized = tfedge.quantize(example.model, calibration=example.data)
        predicted = example.outputs(quantized)
        ratio = _compared(predicted, example, "predict")
        artifact = tfedge.convert(quantized, target="tflite")
        _agree(predicted, artifact, example)
        return ratio

    return outcome_of(road)


def conversion(example: Example) -> Outcome:
    """`tfedge.convert` of the float model, and LiteRT against the float model.

    What is noisier than convert was told to accept comes with a warning.
    """

    def road() -> float:
        artifact = tfedge.convert(
            example.model, target="tflite", calibration=example.data,
            min_snr=example.least_signal_to_noise,
        )  # fmt: skip
        outputs = [_real(x, t) for x, t in _run(artifact, example, ("litert",))]
        try:
            return _compared(outputs, example, "the file")
        except NoisyError as error:
            said = [text for text in artifact.warnings if "signal to noise" in text]
            if said:
                raise WarnedError("; ".join(said)) from error
            raise

    return outcome_of(road)


ROADS: dict[str, Callable[[Example], Outcome]] = {"training": training, "conversion": conversion}


def signal_to_noise(outputs: np.ndarray, wanted: np.ndarray) -> float:
    """In dB; infinite where all is equal."""
    outputs, wanted = outputs.astype(np.float64), wanted.astype(np.float64)
    noise, signal = np.mean((outputs - wanted) ** 2), np.mean(wanted**2)
    if noise == 0:
        return np.inf
    return float(10 * np.log10(signal / noise)) if signal else -np.inf


def _compared(outputs: list[np.ndarray], example: Example, what: str) -> float:
    """The least signal to noise ratio of all outputs.

    Raises:
        NoisyError: it is too low.
        WrongError: shapes or integers differ.
    """
    expected = example.outputs(example.model)
    if len(outputs) != len(expected):
        raise WrongError(f"{what} has {len(outputs)} outputs, the model {len(expected)}")
    ratios = [np.inf]
    for output, wanted in zip(outputs, expected, strict=True):
        if output.shape != wanted.shape:
            raise WrongError(f"{what} has shape {output.shape}, the model {wanted.shape}")
        if wanted.dtype.kind == "f":
            ratios.append(signal_to_noise(output, wanted))
        elif np.mean(output != wanted) > _MOST_OTHERS:
            raise WrongError(f"{what} has {np.mean(output != wanted):.0%} other values")
    if not min(ratios) >= example.least_signal_to_noise:
        raise NoisyError(f"{what} has {min(ratios):.1f} dB")
    return min(ratios)


def _run(artifact: Any, example: Example, engines: tuple[str, ...]) -> list[tuple[np.ndarray, Any]]:
    """What the first engine that has all kernels makes of all samples, each with its tensor."""
    graph = artifact.model.main
    inputs = list(zip(example.inputs, graph.inputs, strict=True))
    samples = [
        [_integers(array[position : position + 1], tensor) for array, tensor in inputs]
        for position in range(len(example.inputs[0]))
    ]
    rows = _interpreted(artifact.flatbuffer, samples, engines)
    return [
        (np.concatenate([row[index] for row in rows]), tensor)
        for index, tensor in enumerate(graph.outputs)
    ]


def _interpreted(
    flatbuffer: bytes, samples: list[list[np.ndarray]], engines: tuple[str, ...]
) -> list[list[np.ndarray]]:
    problem = ""
    for name in engines:
        try:
            return engine(name)(flatbuffer, samples)
        except UnsupportedError as error:
            problem = str(error)
    raise WrongError(f"what convert returned does not run: {problem}")


def _agree(predicted: list[np.ndarray], artifact: Any, example: Example) -> None:
    """Raises WrongError where `predict` is not what the file computes."""
    rows = _run(artifact, example, ("stepwise", "litert"))
    for output, (got, tensor) in zip(predicted, rows, strict=True):
        if output.shape != got.shape:
            raise WrongError(f"the file has shape {got.shape}, predict {output.shape}")
        scale = 1.0 if tensor.quantization is None else float(tensor.quantization.scale[0])
        steps = np.abs(output.astype(np.float64) - _real(got, tensor)).max(initial=0) / scale
        if not steps <= _FARTHEST + 0.01:
            raise WrongError(f"predict is {steps:.0f} integers from the file")


def _integers(values: np.ndarray, tensor: Any) -> np.ndarray:
    grid = tensor.quantization
    if grid is None or tensor.type.dtype.kind != "i":
        return values.astype(tensor.type.dtype)
    limits = np.iinfo(tensor.type.dtype)
    integers = np.round(values / np.float64(grid.scale[0])) + int(grid.zero_point[0])
    return np.clip(integers, limits.min, limits.max).astype(tensor.type.dtype)


def _real(integers: np.ndarray, tensor: Any) -> np.ndarray:
    grid = tensor.quantization
    if grid is None or tensor.type == TensorType.FLOAT32:
        return integers
    return (integers.astype(np.float64) - int(grid.zero_point[0])) * np.float64(grid.scale[0])
