"""SVDF: its state between invocations, and what its kernels refuse."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_graphs import random_model, random_sample

from tfedge.errors import UnsupportedError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute import build_host
from tfedge_converters.graph import Model, Operator, Quantization, TensorType, read_model
from tfedge_converters.graph import svdf_operands as at
from tfedge_converters.graph.sequences import KEEPS_STATE
from tfedge_converters.graph.writer import write_model
from tfedge_converters.interpreters import Outputs
from tfedge_converters.verify.engines import run_c, run_micro

RELU = schema.ActivationFunctionType.RELU


def _change(model: Model, position: int, **changes) -> None:
    operator = model.main.operators[0]
    operator.inputs[position] = dataclasses.replace(operator.inputs[position], **changes)


def _clipped(model: Model) -> None:
    model.main.outputs[0].quantization = Quantization.per_tensor(0.1, 0)
    model.main.operators[0].options.fusedActivationFunction = RELU


def _two_of_a_state(model: Model) -> None:
    first = model.main.operators[0]
    output = dataclasses.replace(first.outputs[0])
    model.main.operators.append(Operator(first.code, list(first.inputs), [output], first.options))
    model.main.outputs.append(output)


def _rank(model: Model, rank: int) -> None:
    model.main.operators[0].options.rank = rank


REFUSALS = {
    "must be a variable of": lambda m: _change(m, at.STATE, is_variable=False, data=np.zeros(1)),
    "are INT8": lambda m: _change(m, at.TIME_WEIGHTS, type=TensorType.INT8),
    "has the scale .*, not": lambda m: _change(
        m, at.BIAS, quantization=Quantization.per_tensor(0.9, 0)
    ),
    "would clip": _clipped,
    "cannot be units of": lambda m: _rank(m, 7919),
    "units of 0": lambda m: _rank(m, 0),
    "have a zero point other than 0": lambda m: _change(
        m, at.FEATURE_WEIGHTS, quantization=Quantization.per_tensor(0.1, 3)
    ),
    "the weights .* must be constant": lambda m: _change(m, at.FEATURE_WEIGHTS, data=None),
    "keeps a state between invocations": _two_of_a_state,
    "input 4 is missing": lambda m: m.main.operators[0].inputs.pop(),
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_refusals(reason):
    model = random_model("svdf", 3, 1)
    REFUSALS[reason](model)
    with pytest.raises(UnsupportedError, match=reason):
        generate(model, Options("model", targets.load("host")))


def test_weights_of_two_precisions_are_refused():
    model = random_model("float_svdf", 1, 1)
    data = model.main.operators[0].inputs[at.TIME_WEIGHTS].data
    _change(model, at.TIME_WEIGHTS, type=TensorType.FLOAT16, data=data.astype(np.float16))
    with pytest.raises(UnsupportedError, match="some of its weights are FLOAT16"):
        generate(model, Options("model", targets.load("host")))


def _bytes(outputs: Outputs) -> list[list[bytes]]:
    return [[value.tobytes() for value in sample] for sample in outputs]


@pytest.mark.parametrize("name", ["svdf", "float_svdf"])
def test_a_bias_may_be_left_out(name):
    """TFLite Micro cannot do without one: one of zeros gives the same."""
    without, zeros = (random_model(name, 4, 3) for _ in range(2))
    for operator in zeros.main.operators:
        bias = operator.inputs[at.BIAS]
        operator.inputs[at.BIAS] = dataclasses.replace(bias, data=np.zeros_like(bias.data))
    for operator in without.main.operators:
        operator.inputs[at.BIAS] = None
    rng = np.random.default_rng(5)
    samples = [random_sample(zeros, rng) for _ in range(9)]
    got, right = (run_c(write_model(model), samples) for model in (without, zeros))
    assert _bytes(got) == _bytes(right)


def test_its_state_is_kept_though_no_file_says_so():
    flatbuffer = write_model(random_model("svdf", 6, 2))
    model = read_model(flatbuffer)
    states = [operator.inputs[at.STATE] for operator in model.main.operators]
    assert all(state.keeps_state for state in states)
    assert KEEPS_STATE.encode() not in flatbuffer
    for state in states:
        state.keeps_state = False
    assert all(
        operator.inputs[at.STATE].keeps_state
        for operator in read_model(write_model(model)).main.operators
    )


def test_a_sequence_begins_with_zeros_and_after_a_reset(tmp_path):
    pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")
    model = random_model("svdf_int8_state", 8, 4)
    rng = np.random.default_rng(7)
    sequence = [random_sample(model, rng) for _ in range(6)]
    source = generate(model, Options("model", targets.load("host")))
    assert source.state_bytes == sum(
        operator.inputs[at.STATE].byte_size for operator in model.main.operators
    )
    program = build_host(source.write(tmp_path))
    once = _bytes(run_micro(write_model(model), sequence, len(sequence)))
    assert _bytes(program.run([*sequence, *sequence], len(sequence))) == [*once, *once]
    # The same input gives another output within the sequence.
    first, second = _bytes(program.run([sequence[0]] * 2, 2))
    assert first != second


def test_scales_are_multiplied_in_double_precision():
    """Sums beside the middle between two results tell single precision from double."""
    pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")
    rng = np.random.default_rng(3)
    model = random_model("svdf", 3, 1)
    operator = model.main.operators[0]
    units = 400
    state, time = (np.float32(rng.uniform(1e-4, 1e-3)) for _ in range(2))
    result = np.float32(state * time * 2.0**22.5)
    middles = (rng.integers(60, 127, units) + 0.5) * float(result) / (float(state) * float(time))
    operator.options.rank = 1
    per_tensor = Quantization.per_tensor
    for position, changes in {
        at.INPUT: {"shape": (1, 1), "quantization": per_tensor(0.1, 0)},
        at.FEATURE_WEIGHTS: {"data": np.ones((units, 1), np.int8)},
        at.TIME_WEIGHTS: {
            "data": np.ones((units, 1), np.int16),
            "quantization": per_tensor(time, 0),
        },
        at.BIAS: {
            "data": (np.round(middles) + rng.integers(-40, 41, units)).astype(np.int32),
            "quantization": per_tensor(state * time, 0),
        },
        at.STATE: {"shape": (1, units), "quantization": per_tensor(state, 0)},
    }.items():
        _change(model, position, **changes)
        changed = operator.inputs[position]
        changed.shape = changed.shape if changed.data is None else changed.data.shape
    model.main.inputs = [operator.inputs[at.INPUT]]
    model.main.outputs[0].shape = (1, units)
    model.main.outputs[0].quantization = per_tensor(result, 0)
    flatbuffer, zeros = write_model(model), [[np.zeros((1, 1), np.int8)]]
    assert _bytes(run_c(flatbuffer, zeros)) == _bytes(run_micro(flatbuffer, zeros))
