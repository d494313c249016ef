"""Values inside operators that no interpreter shows: states between the steps of a sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import UnsupportedError
from tfedge_converters.graph import Operator
from tfedge_converters.graph.lstm_operands import (
    BIASES,
    INPUT_WEIGHTS,
    RECURRENT_WEIGHTS,
)
from tfedge_converters.ptq.constant_values import constant_values

# Given an operator, its input in the float model and its states before: all states inside.
InnerStates = Callable[[Operator, np.ndarray, Sequence[np.ndarray]], np.ndarray]


def lstm_cells(operator: Operator, x: np.ndarray, states: Sequence[np.ndarray]) -> np.ndarray:
    """The cell after each step of a float UNIDIRECTIONAL_SEQUENCE_LSTM.

    Args:
        operator: one that LiteRT runs, with constant weights and all its gates.
        x: float32 [batch, steps, depth], or time first.
        states: hidden state and cell before the first step, float32 [batch, units] each.

    Returns:
        float32 [steps, batch, units].

    Raises:
        TfedgeError: a weight is not finite, not constant, or of another shape.
    """
    options = operator.options or schema.UnidirectionalSequenceLSTMOptionsT()
    depth, units = x.shape[-1], operator.outputs[0].shape[-1]
    weights = _stacked(operator, INPUT_WEIGHTS, (units, depth))
    recurrent_weights = _stacked(operator, RECURRENT_WEIGHTS, (units, units))
    from_input = x @ weights.T + _stacked(operator, BIASES, (units,))
    steps = from_input if options.timeMajor else from_input.swapaxes(0, 1)
    hidden, cell = states
    cells = []
    for row in steps:
        gates = row + hidden @ recurrent_weights.T
        enter, forget, candidate, leave = np.split(gates, 4, axis=-1)
        cell = _sigmoid(forget) * cell + _sigmoid(enter) * np.tanh(candidate)
        if options.cellClip > 0:
            cell = np.clip(cell, -options.cellClip, options.cellClip)
        hidden = _sigmoid(leave) * np.tanh(cell)
        cells.append(cell)
    return np.array(cells, np.float32)


def _stacked(operator: Operator, positions: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    return np.concatenate([_constant(operator, index, shape) for index in positions])


def _constant(operator: Operator, index: int, shape: tuple[int, ...]) -> np.ndarray:
    tensor = operator.inputs[index]
    if tensor is None or not tensor.is_constant or tensor.shape != shape:
        raise UnsupportedError(
            f"operand {index} of the {operator.name} that makes '{operator.outputs[0].name}' must "
            f"be a constant of shape {shape}; layers with four gates, each with weights and a "
            "bias, can be quantised"
        )
    return constant_values(tensor)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return (1 + np.tanh(x / 2)) / 2


LSTM_STATES: dict[str, InnerStates] = {"UNIDIRECTIONAL_SEQUENCE_LSTM": lstm_cells}
