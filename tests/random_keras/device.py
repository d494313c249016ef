"""Whether a quantised model's `predict`, its file and its C compute the same integers.

A file is run operator by operator, on TFLite Micro where it has a kernel.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras_layers.roads import signal_to_noise
from outcomes import RIGHT, Outcome, WrongError, outcome_of
from random_keras.checks import inputs_for, outputs_of
from random_keras.program import Program

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters.verify.engines import engine

# Operators that inference reproduces bit for bit (docs/layers.md); a step of the others grows
# behind them.
_EXACT = frozenset({
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "EXPAND_DIMS",
    "FULLY_CONNECTED", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "PAD", "PRELU", "RELU",
    "RELU6", "RESHAPE", "SLICE", "SPLIT", "SQUEEZE", "STRIDED_SLICE", "SUB", "SUM", "TILE",
    "TRANSPOSE",
})  # fmt: skip
# One step of a function, and what a sum that nearly cancels makes of it.
_MOST_APART = 4
_LEAST_SIGNAL_TO_NOISE = 25.0
# Weights of eight bits alone leave 40 dB of most models; deep ones lose more.
_LEAST_WIDE = 10.0
_SAMPLES = 16


def device_outcomes(
    program: Program, outcomes: dict[str, Outcome], seed: int
) -> dict[str, Outcome]:
    """Of a model whose quantised form is the model: its file, and its C."""
    if outcomes["quantize"].result != RIGHT or _has_no_operators(program.model):
        return {}
    device = _Device(program.model, seed)
    found = {
        "int16x8 = float": outcome_of(device.compare_wide),
        "predict = file": outcome_of(device.compare_file),
    }
    if found["predict = file"].result == RIGHT:
        found["C = file"] = outcome_of(device.compare_c)
    return found


def _has_no_operators(model: Any) -> bool:
    return all(output in model.inputs for output in keras.tree.flatten(model.outputs))


class _Device:
    """A model's file, and samples of its integers."""

    def __init__(self, model: Any, seed: int):
        self._model = model
        self._inputs = inputs_for(model, np.random.default_rng(seed), _SAMPLES)
        self._given = self._inputs if len(self._inputs) > 1 else self._inputs[0]

    def compare_wide(self) -> float:
        """With activations of 16 bits the integers are nearly the model."""
        quantized = tfedge.quantize(self._model, "int16x8", calibration=self._given)
        ratios = [
            signal_to_noise(output, wanted)
            for output, wanted in zip(
                outputs_of(quantized, self._inputs),
                outputs_of(self._model, self._inputs),
                strict=True,
            )
        ]
        if not min(ratios) >= _LEAST_WIDE:
            raise WrongError(f"with 16 bits it has {min(ratios):.1f} dB")
        return min(ratios)

    def compare_file(self) -> None:
        quantized = tfedge.quantize(self._model, calibration=self._given)
        self._artifact = _converted(quantized)
        graph = self._artifact.model.main
        if not graph.operators:  # what only trains has vanished, and no integer is computed
            return
        self._integers = [
            _integers(x, tensor) for x, tensor in zip(self._inputs, graph.inputs, strict=True)
        ]
        samples = [[x[n : n + 1] for x in self._integers] for n in range(_SAMPLES)]
        rows = engine("stepwise")(self._artifact.flatbuffer, samples)
        exact = _EXACT.issuperset(operator.code for operator in graph.operators)
        predicted = outputs_of(quantized, self._inputs)
        for index, (output, tensor) in enumerate(zip(predicted, graph.outputs, strict=True)):
            wanted = np.concatenate([row[index] for row in rows])
            words = _difference(output, wanted, tensor, exact)
            if words:
                raise WrongError(words)

    def compare_c(self) -> None:
        if not self._artifact.model.main.operators:
            return
        result = tfedge.verify(self._artifact.flatbuffer, inputs=self._integers, engines=("c",))
        differing = [str(comparison) for comparison in result.ours if comparison.mismatches]
        if differing:
            raise WrongError("; ".join(differing))


def _converted(quantized: Any) -> Any:
    """The model for C.

    Raises:
        WrongError: what quantize accepted has no ranges for convert.
        TfedgeError: C has no kernel for the model.
    """
    try:
        return tfedge.convert(quantized)
    except TfedgeError as error:
        if "range of" in str(error):
            raise WrongError(f"convert of what quantize made: {error}") from error
        raise


def _difference(output: np.ndarray, wanted: np.ndarray, tensor: Any, exact: bool) -> str:
    if output.shape != wanted.shape:
        return f"{tensor.name} has shape {wanted.shape}, predict {output.shape}"
    if tensor.quantization is None:
        return "" if np.array_equal(output, wanted) else f"{tensor.name} differs"
    scale, zero = float(tensor.quantization.scale[0]), int(tensor.quantization.zero_point[0])
    got = np.round(output.astype(np.float64) / scale) + zero
    apart = np.abs(got - wanted)
    if exact:
        return f"{tensor.name}: {apart.max():.0f} integers apart" if apart.any() else ""
    ratio = signal_to_noise(got - zero, wanted - float(zero))
    if apart.max(initial=0) <= _MOST_APART or ratio >= _LEAST_SIGNAL_TO_NOISE:
        return ""
    return f"{tensor.name}: {apart.max():.0f} integers apart, {ratio:.1f} dB"


def _integers(values: np.ndarray, tensor: Any) -> np.ndarray:
    grid = tensor.quantization
    if grid is None:
        return values.astype(tensor.type.dtype)
    limits = np.iinfo(tensor.type.dtype)
    integers = np.round(values / np.float64(grid.scale[0])) + int(grid.zero_point[0])
    return np.clip(integers, limits.min, limits.max).astype(tensor.type.dtype)
