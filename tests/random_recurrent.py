"""Random instances of operators that go through sequences."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder

from tfedge.quantization.policy import OPERATORS as POLICY
from tfedge_converters.graph import Operator, Quantization, Tensor, TensorType
from tfedge_converters.graph.lstm_operands import (
    BIASES,
    CELL_STATE,
    HIDDEN_STATE,
    INPUT,
    INPUT_WEIGHTS,
    OPERANDS,
    RECURRENT_WEIGHTS,
)


def _weights(b: Builder, shape, scale) -> Tensor:
    return b.constant(b.int8(shape), Quantization.per_tensor(scale, 0))


def _gate_scale(b: Builder, source: Tensor, depth: int) -> float:
    """A scale of weights at which gates neither vanish nor are always at their limits."""
    reach = float(np.exp(b.rng.uniform(np.log(0.05), np.log(30))))
    deviation = 0.55 * np.iinfo(b.activations.dtype).max
    return reach / (float(source.quantization.scale[0]) * deviation * 70 * np.sqrt(depth))


def _bias_values(b: Builder, units: int, source: Tensor, weights: Tensor) -> np.ndarray:
    """Now and then beyond what any gate can be."""
    if b.activations == TensorType.INT8:
        return b.rng.integers(-9000, 9000, units)
    one = 1 / float(source.quantization.scale[0] * weights.quantization.scale[0])
    reach = one * float(np.exp(b.rng.uniform(np.log(0.1), np.log(20))))
    return (b.rng.uniform(-1, 1, units) * reach).clip(-(2**55), 2**55).astype(np.int64)


def unidirectional_sequence_lstm(b: Builder) -> None:
    steps, depth, units = (int(n) for n in b.rng.integers(1, [12, 14, 14]))
    options = schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    options.timeMajor = bool(b.rng.random() < 0.3)
    lead = (steps, 1) if options.timeMajor else (1, steps)
    sequence_lstm(b, b.input((*lead, depth)), units, options)


def sequence_lstm(b: Builder, source: Tensor, units: int, options) -> Tensor:
    """The result of a random LSTM over what `source` has."""
    depth = source.shape[2]
    # One is the most that the hidden state can be.
    step = 127 / np.iinfo(b.activations.dtype).max
    grid = Quantization.per_tensor(b.scale(1e-3, 0.02) * step, b.zero_point())
    operands: list[Tensor | None] = [None] * OPERANDS
    operands[INPUT] = source
    operands[HIDDEN_STATE] = hidden = Tensor(
        f"hidden_{len(b.operators)}", (1, units), b.activations, grid, is_variable=True
    )
    cell_grid = Quantization.per_tensor(2.0 ** int(b.rng.integers(-15, -6)), 0)
    if b.rng.random() < 0.2:
        cell_grid = Quantization.per_tensor(2.0 ** int(b.rng.integers(-29, 3)), 0)
    operands[CELL_STATE] = Tensor(
        f"cell_{len(b.operators)}", (1, units), TensorType.INT16, cell_grid, is_variable=True
    )
    for input_weights, recurrent_weights, bias in zip(
        INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIASES, strict=True
    ):
        weights = _weights(b, (units, depth), _gate_scale(b, source, depth))
        operands[input_weights] = weights
        operands[recurrent_weights] = _weights(b, (units, units), _gate_scale(b, hidden, units))
        operands[bias] = made = b.bias(source, weights)
        made.data = _bias_values(b, units, source, weights).astype(made.type.dtype)
    if b.rng.random() < 0.4:
        options.cellClip = float(b.rng.uniform(0.01, 4))
    shape = (*source.shape[:2], units)
    output = Tensor(f"output_{len(b.outputs)}", shape, b.activations, grid)
    hidden_scale = Tensor(f"hidden_scale_{len(b.outputs)}", (0,), b.activations, grid)
    rest = [Tensor("", (0,), TensorType.FLOAT32) for _ in range(4)]
    scheme = {TensorType.INT8: "int8", TensorType.INT16: "int16x8"}[b.activations]
    code = "UNIDIRECTIONAL_SEQUENCE_LSTM"
    operator = Operator(code, operands, [output], options, POLICY[code].versions[scheme])
    operator.intermediates = [*rest, hidden_scale]
    b.operators.append(operator)
    b.outputs.append(output)
    return output


def lstm_continued(b: Builder) -> None:
    """One that goes on where the invocation before ended."""
    unidirectional_sequence_lstm(b)
    for position in (HIDDEN_STATE, CELL_STATE):
        b.operators[-1].inputs[position].keeps_state = True


def svdf(b: Builder) -> None:
    """One step of a sequence, whose state has 16 bits."""
    _svdf(b, TensorType.INT16)


def svdf_int8_state(b: Builder) -> None:
    _svdf(b, TensorType.INT8)


def _svdf(b: Builder, state_type: TensorType) -> None:
    batches, depth, units, rank, memory = (int(n) for n in b.rng.integers(1, [4, 20, 8, 4, 12]))
    source = b.input((batches, depth))
    filters = units * rank
    features = _weights(b, (filters, depth), b.scale(1e-3, 2e-2))
    largest = np.iinfo(state_type.dtype).max
    # About what products of random weights and inputs reach, now and then far less or more.
    spread = 70 * 70 * np.sqrt(depth) * float(b.rng.choice([0.1, 1, 1, 10]))
    real = float(source.quantization.scale[0] * features.quantization.scale[0])
    zero_point = b.zero_point() if state_type == TensorType.INT8 else 0
    state = Tensor(
        f"state_{len(b.operators)}", (batches, filters * memory), state_type,
        Quantization.per_tensor(real * spread / (largest / 2), zero_point),
        is_variable=True, keeps_state=True,
    )  # fmt: skip
    times = b.constant(
        b.rng.integers(-largest, largest + 1, (filters, memory)),
        Quantization.per_tensor(b.scale(1e-3, 2e-2) * 127 / largest, 0),
        state_type,
    )
    product = state.quantization.scale[0] * times.quantization.scale[0]
    reach = largest * largest * np.sqrt(rank * memory) / 6
    bias = b.constant(
        b.rng.uniform(-reach, reach, units).clip(-(2**30), 2**30).astype(np.int32),
        Quantization.per_tensor(product, 0),
    )
    step = float(product) * reach / 128 * float(b.rng.choice([0.3, 1, 3]))
    out = Quantization.per_tensor(step, b.zero_point())
    options = schema.SVDFOptionsT()
    options.rank = rank
    # The reference does not clip integers.
    clips_nothing = int(out.zero_point[0]) == -128
    options.fusedActivationFunction = (
        schema.ActivationFunctionType.RELU if clips_nothing else schema.ActivationFunctionType.NONE
    )
    b.output("SVDF", [source, features, times, bias, state], (batches, units), out, options, 3)


OPERATORS = {
    function.__name__: function
    for function in (unidirectional_sequence_lstm, lstm_continued, svdf, svdf_int8_state)
}

# A model's operators keep their states between invocations all together, or none does.
STATEFUL = {"lstm_continued", "svdf", "svdf_int8_state"}
