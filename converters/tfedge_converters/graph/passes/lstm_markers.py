"""TFLite's LSTM operator in place of markers of whole LSTMs."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import ModelFileError
from tfedge.markers.lstm import LSTM
from tfedge_converters.graph.lstm_operands import (
    BIASES,
    CELL_STATE,
    HIDDEN_STATE,
    INPUT,
    INPUT_WEIGHTS,
    OPERANDS,
    RECURRENT_WEIGHTS,
)
from tfedge_converters.graph.markers import read_marker
from tfedge_converters.graph.sequences import keeps_state
from tfedge_converters.graph.types import Graph, Model, Operator, Range, Tensor, TensorType

_GATES = ("input", "forget", "cell", "output")


def fuse_lstm_markers(model: Model) -> None:
    """Make every `tfedge.LSTM` a UNIDIRECTIONAL_SEQUENCE_LSTM, in place.

    The order of the gates is the same in Keras and in TFLite; weights are transposed. States are
    variables of the model. If the marker says the cell's range, its variable has it; if it says
    that calls go on where the one before ended, both variables keep their state.

    Raises:
        ModelFileError: a marker's tensors are not those of an LSTM.
        UnsupportedError: only some LSTMs keep their state.
    """
    for graph in model.graphs:
        graph.operators = [
            _fused(graph, operator) if operator.custom_name == LSTM.name else operator
            for operator in graph.operators
        ]
        keeps_state(graph)


def _fused(graph: Graph, marker: Operator) -> Operator:
    x, kernel, recurrent_kernel, bias, output = _tensors(graph, marker)
    units = output.shape[2]
    operands: list[Tensor | None] = [None] * OPERANDS
    operands[INPUT] = x
    for positions, source in ((INPUT_WEIGHTS, kernel), (RECURRENT_WEIGHTS, recurrent_kernel)):
        for gate, position in enumerate(positions):
            operands[position] = _gate_weights(source, gate, units)
    for gate, position in enumerate(BIASES):
        operands[position] = _gate_weights(bias, gate, units)
    mark = read_marker(graph, marker, LSTM)
    operands[HIDDEN_STATE] = _state(output, "hidden_state", units, mark.keeps_state)
    operands[CELL_STATE] = cell = _state(output, "cell_state", units, mark.keeps_state)
    cell.range = mark.cell and Range(*mark.cell)
    options = schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    return Operator("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, [output], options)


def _tensors(graph: Graph, marker: Operator) -> list[Tensor]:
    match marker.inputs, marker.outputs:
        case [Tensor() as x, *_], [Tensor() as output] if (
            len(x.shape) == 3 and len(output.shape) == 3 and x.shape[:2] == output.shape[:2]
        ):
            depth, units = x.shape[2], output.shape[2]
            constants = [(depth, 4 * units), (units, 4 * units), (4 * units,)]
            tensors = [tensor for tensor in marker.inputs if tensor is not None]
            if (
                [tensor.shape for tensor in tensors[1:]] == constants
                and all(tensor.type == TensorType.FLOAT32 for tensor in (*tensors, output))
                and all(tensor.is_constant for tensor in tensors[1:])
            ):
                return [*tensors, output]
    raise ModelFileError(
        f"{graph.place(marker)}: an LSTM goes from [1, steps, depth] to [1, steps, units] by "
        "constants of shape [depth, 4 units], [units, 4 units] and [4 units]; "
        "export the model again"
    )


def _gate_weights(source: Tensor, gate: int, units: int) -> Tensor:
    assert source.data is not None
    part = source.data[..., gate * units : (gate + 1) * units]
    data = np.ascontiguousarray(part.T)
    return Tensor(f"{source.name}/{_GATES[gate]}", data.shape, TensorType.FLOAT32, data=data)


def _state(output: Tensor, name: str, units: int, kept: bool) -> Tensor:
    return Tensor(
        f"{output.name}/{name}",
        (1, units),
        TensorType.FLOAT32,
        is_variable=True,
        keeps_state=kept,
    )
