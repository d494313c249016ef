"""Random instances of operators that go through sequences."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder

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
    return reach / (float(source.quantization.scale[0]) * 70 * 70 * np.sqrt(depth))


def unidirectional_sequence_lstm(b: Builder) -> None:
    steps, depth, units = (int(n) for n in b.rng.integers(1, [12, 14, 14]))
    options = schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    options.timeMajor = bool(b.rng.random() < 0.3)
    lead = (steps, 1) if options.timeMajor else (1, steps)
    source = b.input((*lead, depth))
    # One is the most that the hidden state can be.
    grid = Quantization.per_tensor(b.scale(1e-3, 0.02), b.zero_point())
    operands: list[Tensor | None] = [None] * OPERANDS
    operands[INPUT] = source
    operands[HIDDEN_STATE] = hidden = Tensor(
        f"hidden_{len(b.operators)}", (1, units), TensorType.INT8, grid, is_variable=True
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
        operands[bias] = b.bias(source, weights)
        operands[bias].data = b.rng.integers(-9000, 9000, units).astype(np.int32)
    if b.rng.random() < 0.4:
        options.cellClip = float(b.rng.uniform(0.01, 4))
    output = Tensor(f"output_{len(b.outputs)}", (*lead, units), TensorType.INT8, grid)
    hidden_scale = Tensor(f"hidden_scale_{len(b.outputs)}", (0,), TensorType.INT8, grid)
    rest = [Tensor("", (0,), TensorType.FLOAT32) for _ in range(4)]
    operator = Operator("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, [output], options)
    operator.intermediates = [*rest, hidden_scale]
    b.operators.append(operator)
    b.outputs.append(output)


def lstm_continued(b: Builder) -> None:
    """One that goes on where the invocation before ended."""
    unidirectional_sequence_lstm(b)
    for position in (HIDDEN_STATE, CELL_STATE):
        b.operators[-1].inputs[position].keeps_state = True


OPERATORS = {
    function.__name__: function for function in (unidirectional_sequence_lstm, lstm_continued)
}

# A model's operators keep their states between invocations all together, or none does.
STATEFUL = {"lstm_continued"}
