"""LSTMs that the kernel does not compute are refused in words."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_graphs import random_model

from tfedge.errors import UnsupportedError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.graph import Model, Operator, Quantization, Tensor, TensorType

PEEPHOLE, BIAS, WEIGHTS, HIDDEN, CELL = 9, 12, 1, 18, 19


def _lstm() -> Model:
    return random_model("unidirectional_sequence_lstm", 1, 1)


def _cell(model: Model, **changes) -> None:
    operator = model.main.operators[0]
    operator.inputs[CELL] = dataclasses.replace(operator.inputs[CELL], **changes)


def _peephole(model: Model) -> None:
    operator = model.main.operators[0]
    operator.inputs[PEEPHOLE] = operator.inputs[BIAS]


def _without_input_gate(model: Model) -> None:
    model.main.operators[0].inputs[WEIGHTS] = None


def _without_bias(model: Model) -> None:
    model.main.operators[0].inputs[BIAS] = None


def _relu(model: Model) -> None:
    options = model.main.operators[0].options
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU


def _fine_hidden(model: Model) -> None:
    tiny = Quantization.per_tensor(1e-12, 0)
    for tensor in (model.main.operators[0].inputs[HIDDEN], model.main.outputs[0]):
        tensor.quantization = tiny


def _state_of_two(model: Model) -> None:
    first = model.main.operators[0]
    output = dataclasses.replace(first.outputs[0])
    model.main.operators.append(Operator(first.code, list(first.inputs), [output], first.options))
    model.main.outputs.append(output)


def _per_channel(model: Model) -> None:
    weights = model.main.operators[0].inputs[WEIGHTS]
    units = weights.shape[0]
    scales = np.full(units, 0.01, np.float32)
    weights.quantization = Quantization(scales, np.zeros(units, np.int64), 0)


REFUSALS = {
    "only the plain variant": _peephole,
    "input 1 is missing": _without_input_gate,
    "input 12 is missing": _without_bias,
    "activation must be TANH": _relu,
    "must be a power of two": lambda m: _cell(m, quantization=Quantization.per_tensor(3e-4, 0)),
    "must be a variable": lambda m: _cell(m, type=TensorType.INT8),
    "smaller than any result": _fine_hidden,
    "keeps a state between invocations": _state_of_two,
    "must have one scale": _per_channel,
}


@pytest.mark.parametrize("width", ["", "int16_"])
@pytest.mark.parametrize("reason", REFUSALS)
def test_refusals(reason, width):
    model = random_model(f"{width}unidirectional_sequence_lstm", 2, 1)
    REFUSALS[reason](model)
    with pytest.raises(UnsupportedError, match=reason):
        generate(model, Options("model", targets.load("host")))


def test_other_widths_than_the_result_are_refused():
    model = random_model("int16_unidirectional_sequence_lstm", 1, 1)
    lstm = model.main.operators[0]
    lstm.inputs[0].type = TensorType.INT8
    with pytest.raises(UnsupportedError, match="is INT16; its C kernel computes in INT8"):
        generate(model, Options("model", targets.load("host")))
    model = random_model("int16_unidirectional_sequence_lstm", 1, 1)
    model.main.operators[0].inputs[BIAS].type = TensorType.INT32
    with pytest.raises(UnsupportedError, match="is INT32, not INT64"):
        generate(model, Options("model", targets.load("host")))


def test_several_sequences_at_once_are_refused():
    model = _lstm()
    operator = model.main.operators[0]
    operator.options.timeMajor = False
    for tensor in (*model.main.inputs, *model.main.outputs):
        tensor.shape = (2, *tensor.shape[1:])
    with pytest.raises(UnsupportedError, match="2 sequences at once"):
        generate(model, Options("model", targets.load("host")))


def test_a_state_that_is_read_from_outside_is_refused():
    model = _lstm()
    state: Tensor = model.main.operators[0].inputs[CELL]
    model.main.outputs.append(state)
    with pytest.raises(UnsupportedError, match="keeps a state"):
        generate(model, Options("model", targets.load("host")))
