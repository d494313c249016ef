"""LSTMs of real activations and int8 weights: random ones, and what is right of them.

TFLite Micro has none, and LiteRT's have approximations of exp and tanh. So this says with the C
library of this machine what the kernel is to give, bit for bit, and LiteRT says what it computes
before these functions.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import random_recurrent
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder

from tfedge_converters.graph import Operator, Quantization, Tensor, TensorType
from tfedge_converters.graph.lstm_operands import (
    BIASES,
    CELL_STATE,
    HIDDEN_STATE,
    INPUT_WEIGHTS,
    RECURRENT_WEIGHTS,
)

FLOAT32 = TensorType.FLOAT32
_VERSION = 3

_LIBRARY = ctypes.CDLL(ctypes.util.find_library("m"))
for _name in ("expf", "tanhf"):
    getattr(_LIBRARY, _name).restype = ctypes.c_float
    getattr(_LIBRARY, _name).argtypes = [ctypes.c_float]

# Where LOGISTIC of TFLite Micro takes shorter ways.
_ONE_FROM, _EXP_BELOW = np.float32(16.619047164916992188), np.float32(-9)


def random_hybrid_lstm(b: Builder, *, continued: bool) -> Operator:
    """Add one with gates of all sizes."""
    depth, units = (int(n) for n in b.rng.integers(1, 14, 2))
    steps = int(b.rng.integers(1, 12))
    options = schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    options.timeMajor = bool(b.rng.random() < 0.3)
    options.asymmetricQuantizeInputs = bool(b.rng.random() < 0.5)
    lead = (steps, 1) if options.timeMajor else (1, steps)
    random_recurrent.sequence_lstm(b, b.input((*lead, depth)), units, options)
    operator = b.operators[-1]
    _make_hybrid(b, operator)
    for position in (HIDDEN_STATE, CELL_STATE):
        operator.inputs[position].keeps_state = continued
    return operator


def _make_hybrid(b: Builder, operator: Operator) -> None:
    """Real numbers in place of all integers but weights."""
    operator.version, operator.intermediates = _VERSION, []
    weights = (*INPUT_WEIGHTS, *RECURRENT_WEIGHTS)
    for position, tensor in enumerate(operator.inputs):
        if position in weights:
            reach = float(np.exp(b.rng.uniform(np.log(0.1), np.log(4))))
            scale = reach / (70 * np.sqrt(tensor.shape[1]))
            tensor.quantization = Quantization.per_tensor(scale, 0)
        elif tensor is not None:
            tensor.type, tensor.quantization = FLOAT32, None
            if tensor.data is not None:
                tensor.data = b.rng.normal(size=tensor.shape).astype(np.float32)
    output = operator.outputs[0]
    output.type, output.quantization = FLOAT32, None


def make_functions_exact(operator: Operator, rng: np.random.Generator) -> None:
    """Let sums of the candidate come out as they are, and those of other gates not count.

    Its tanh is the number itself, so small are the sums, and sigmoid is 1 at 60.
    """
    for gate, (weights, recurrent, bias) in enumerate(
        zip(INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIASES, strict=True)
    ):
        is_candidate = gate == 2
        tensor = operator.inputs[bias]
        tensor.data = np.full(tensor.shape, 60, np.float32)
        if is_candidate:
            tensor.data = (rng.normal(size=tensor.shape) * 1e-20).astype(np.float32)
        scale = rng.uniform(0.5, 2) * (1e-22 if is_candidate else 1e-4)
        operator.inputs[weights].quantization = Quantization.per_tensor(scale, 0)
        scale = rng.uniform(0.5, 2) * 1e-4
        operator.inputs[recurrent].quantization = Quantization.per_tensor(scale, 0)
    operator.options.cellClip = 0


def random_sequences(source: Tensor, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Inputs of all sizes; some have only zeros, some only numbers of one sign."""
    found = []
    for _ in range(count):
        values = rng.normal(size=source.shape) * np.exp(rng.uniform(-3, 1.5))
        if rng.random() < 0.3:
            values = np.abs(values)
        if rng.random() < 0.2:
            values = values * (rng.random((*source.shape[:2], 1)) < 0.5)
        found.append(values.astype(np.float32))
    return found


@dataclass
class HybridLstm:
    """What the kernel is to compute; goes on where it stopped."""

    operator: Operator

    def __post_init__(self) -> None:
        units = self.operator.outputs[0].shape[2]
        self.hidden, self.cells = np.zeros(units, np.float32), np.zeros(units, np.float32)

    def run(self, values: np.ndarray) -> np.ndarray:
        """float32 [1, steps, depth] or time first -> the same with units for depth."""
        rows = values.reshape(-1, values.shape[2])
        results = np.array([self._step(row) for row in rows], np.float32)
        return results.reshape(self.operator.outputs[0].shape)

    def _step(self, row: np.ndarray) -> np.ndarray:
        operands = self.operator.inputs
        asymmetric = bool(self.operator.options.asymmetricQuantizeInputs)
        quantized = [_quantized(side, asymmetric) for side in (row, self.hidden)]
        gates = []
        for weights, recurrent, bias in zip(INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIASES, strict=True):
            gate = operands[bias].data.astype(np.float32)
            for position, side in zip((weights, recurrent), quantized, strict=True):
                gate = gate + _product(operands[position], *side)
            gates.append(gate)
        enter, forget, leave = (_each(_sigmoid, gates[i]) for i in (0, 1, 3))
        self.cells = self.cells * forget + enter * _each(_LIBRARY.tanhf, gates[2])
        clip = np.float32(self.operator.options.cellClip)
        if clip > 0:
            self.cells = self.cells.clip(-clip, clip)
        self.hidden = _each(_LIBRARY.tanhf, self.cells) * leave
        return self.hidden


def _product(weights: Tensor, integers: np.ndarray, scale: np.float32) -> np.ndarray:
    sums = weights.data.astype(np.int64) @ integers
    return sums.astype(np.float32) * (scale * np.float32(weights.quantization.scale[0]))


def _quantized(values: np.ndarray, asymmetric: bool) -> tuple[np.ndarray, np.float32]:
    """Integers less their zero point, and the scale. Source: LiteRT's portable_tensor_utils."""
    if not values.any():
        return np.zeros(values.size, np.int64), np.float32(1)
    if not asymmetric:
        largest = np.abs(values).max()
        steps = _rounded(values * (np.float32(127) / largest))
        return steps.clip(-127, 127), largest / np.float32(127)
    low, high = min(np.float32(0), values.min()), max(np.float32(0), values.max())
    exact = float(np.float32(high - low)) / 255
    from_low, from_high = -128 - float(low) / exact, 127 - float(high) / exact
    low_is_better = 128 + abs(float(low) / exact) < 127 + abs(float(high) / exact)
    zero_point = int(_rounded(np.clip(from_low if low_is_better else from_high, -128, 127)))
    scale = np.float32(exact)
    steps = _rounded(values * (np.float32(1) / scale)) + zero_point
    return steps.clip(-128, 127) - zero_point, scale


def _rounded(values: np.ndarray) -> np.ndarray:
    """To the nearest integer, halves away from zero."""
    whole = np.trunc(values)
    return (whole + np.sign(values) * (np.abs(values - whole) >= 0.5)).astype(np.int64)


def _each(function, values: np.ndarray) -> np.ndarray:
    return np.array([function(float(value)) for value in values], np.float32)


def _sigmoid(value: float) -> np.float32:
    if value > _ONE_FROM:
        return np.float32(1)
    if value < _EXP_BELOW:
        return np.float32(_LIBRARY.expf(value))
    return np.float32(1) / (np.float32(1) + np.float32(_LIBRARY.expf(-value)))


def expected(operators: Sequence[Operator], samples, sequence: int) -> list[list[np.ndarray]]:
    """Outputs of samples, each of which has an input for each operator."""
    layers: list[HybridLstm] = []
    results = []
    for index, sample in enumerate(samples):
        if index % sequence == 0:
            layers = [HybridLstm(operator) for operator in operators]
        results.append([one.run(values) for one, values in zip(layers, sample, strict=True)])
    return results
