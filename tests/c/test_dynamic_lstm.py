"""LSTMs of real activations and int8 weights."""

from __future__ import annotations

import hybrid_lstm
import numpy as np
import pytest
from random_builder import Builder

from tfedge.errors import UnsupportedError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute import build_firmware
from tfedge_converters.execute.host import build_host
from tfedge_converters.graph import Model, TensorType, write_model
from tfedge_converters.graph.lstm_operands import INPUT_WEIGHTS, RECURRENT_WEIGHTS
from tfedge_converters.verify.engines import run_litert_reference, run_micro

_SEQUENCE = 4


def _model(seed: int, count: int, *, continued: bool, exact: bool = False) -> Model:
    b = Builder(np.random.default_rng(seed))
    for _ in range(count):
        operator = hybrid_lstm.random_hybrid_lstm(b, continued=continued)
        if exact:
            hybrid_lstm.make_functions_exact(operator, b.rng)
    return b.model()


def _samples(model: Model, count: int) -> list[list[np.ndarray]]:
    rng = np.random.default_rng(7)
    inputs = [hybrid_lstm.random_sequences(tensor, count, rng) for tensor in model.main.inputs]
    return [list(sample) for sample in zip(*inputs, strict=True)]


def _generated(model: Model, target: str, optimize: str, folder):
    return generate(model, Options("model", targets.load(target), optimize)).write(folder)


def _same(got, right) -> bool:
    return all(
        a.tobytes() == b.tobytes()
        for one, other in zip(got, right, strict=True)
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("continued", [False, True])
@pytest.mark.parametrize("optimize", ["speed", "shared"])
def test_bit_exact_under_the_sanitizers(optimize, continued, tmp_path):
    """With the exp and tanh of this machine's C library, whole sequences and their continuation."""
    model = _model(3, 24, continued=continued)
    samples = _samples(model, 12)
    sequence = _SEQUENCE if continued else 1
    program = build_host(
        _generated(model, "host", optimize, tmp_path), sanitize=True, flags=["-O1"]
    )
    right = hybrid_lstm.expected(model.main.operators, samples, sequence)
    assert _same(program.run(samples, sequence), right)


@pytest.mark.parametrize("continued", [False, True])
def test_sums_are_those_of_litert_bit_for_bit(continued, tmp_path):
    """Where exp and tanh are exact, all is."""
    model = _model(4, 24, continued=continued, exact=True)
    samples = _samples(model, 12)
    right = run_litert_reference(write_model(model), samples, _SEQUENCE)
    program = build_host(_generated(model, "host", "speed", tmp_path))
    assert _same(program.run(samples, _SEQUENCE), right)
    assert len({outputs[0].tobytes() for outputs in right}) > 8


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "rv32imc"])
def test_sums_are_those_of_litert_on_cores(core, tmp_path):
    model = _model(5, 6, continued=False, exact=True)
    samples = _samples(model, 6)
    right = run_litert_reference(write_model(model), samples)
    program = _generated(model, core, "shared", tmp_path)
    assert _same(build_firmware(program, core).run(samples).outputs, right)


def test_gates_are_those_of_litert_up_to_its_functions(tmp_path):
    """It approximates exp and tanh; a state that lies halfway may become the other integer."""
    model = _model(6, 24, continued=False)
    samples = _samples(model, 12)
    right = run_litert_reference(write_model(model), samples)
    got = build_host(_generated(model, "host", "speed", tmp_path)).run(samples)
    errors = np.concatenate(
        [
            np.abs(a - b).ravel()
            for one, other in zip(got, right, strict=True)
            for a, b in zip(one, other, strict=True)
        ]
    )
    assert np.quantile(errors, 0.98) < 1e-6
    assert errors.max() < 2.0**-6


def test_tflite_micro_would_read_weights_as_real_numbers():
    model = _model(8, 1, continued=False)
    with pytest.raises(UnsupportedError, match="has INT8 weights, which it reads as real numbers"):
        run_micro(write_model(model), _samples(model, 1))


def test_refusals():
    model = _model(9, 1, continued=False)
    weights = model.main.operators[0].inputs[RECURRENT_WEIGHTS[1]]
    weights.type, weights.quantization = TensorType.FLOAT32, None
    weights.data = weights.data.astype(np.float32)
    with pytest.raises(UnsupportedError, match="its weights are FLOAT32 and others INT8; one type"):
        generate(model, Options("model", targets.load("host")))
    model = _model(10, 1, continued=False)
    weights = model.main.operators[0].inputs[INPUT_WEIGHTS[0]]
    weights.quantization.zero_point[:] = 3
    with pytest.raises(UnsupportedError, match="zero point other than 0"):
        generate(model, Options("model", targets.load("host")))
