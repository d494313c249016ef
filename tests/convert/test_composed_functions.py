"""A function of one activation, of however many operators, is as good as the table of its results.

The ideal: real numbers of the integers that go in, the float function, the nearest integer.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfedge
from tfedge.errors import UnsupportedError
from tfedge_converters.verify.engines import ENGINES

layers, ops = keras.layers, keras.ops

ACTIVATIONS = {
    name: getattr(keras.activations, name)
    for name in (
        "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu",
        "hard_tanh", "leaky_relu", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid",
        "silu", "soft_shrink", "softplus", "softsign", "sparse_plus", "sparse_sigmoid",
        "squareplus", "tanh", "tanh_shrink",
    )
} | {
    "threshold": lambda x: keras.activations.threshold(x, 0.5, 0.1),
    "quick_gelu": lambda x: x * ops.sigmoid(1.702 * x),
    "gated": lambda x: ops.tanh(x) * ops.sigmoid(x) + 0.1 * x,
    "where": lambda x: ops.where(x > 1, ops.log(ops.maximum(x, 1)), ops.sin(x) - 0.84),
}  # fmt: skip

# Interpreters round LEAKY_RELU's products twice.
TOLERANCES = {"leaky_relu": 1.2}


def model_of_all(width=256):
    x = keras.Input((width,))
    return keras.Model(x, [layers.Activation(f)(x) for f in ACTIVATIONS.values()])


def uniform(reach, width=256):
    data = np.random.default_rng(0).uniform(-reach, reach, (16, width)).astype(np.float32)
    data[0, :2] = -reach, reach
    return data


def real(integers, grid):
    return (integers.astype(float) - int(grid.zero_point[0])) * float(grid.scale[0])


def nearest(values, grid):
    steps = np.round(np.asarray(values, float) / float(grid.scale[0])) + int(grid.zero_point[0])
    return np.clip(steps, -128, 127)


def decibels(right, got):
    return 10 * np.log10(np.square(right).sum() / np.square(right - got).sum())


@pytest.mark.parametrize("reach", [2, 6, 12])
def test_every_activation_is_within_a_decibel_of_the_ideal_table_in_c(reach):
    data = uniform(reach)
    artifact = tfedge.convert(model_of_all(), calibration=data)
    for name, lost in losses(artifact, data, "c").items():
        assert lost < TOLERANCES.get(name, 1.0), name


@pytest.mark.parametrize(("target", "engine"), [("tflite-micro",) * 2, ("tflite", "litert")])
def test_and_in_interpreters(target, engine):
    data = uniform(6)
    artifact = tfedge.convert(model_of_all(), target=target, calibration=data)
    for name, lost in losses(artifact, data, engine).items():
        assert lost < TOLERANCES.get(name, 1.0), name
    codes = {operator.code for operator in artifact.model.main.operators}
    assert ("DEQUANTIZE" in codes) == (target == "tflite")


def losses(artifact, data, engine):
    """Decibels by which every output is worse than its ideal."""
    graph = artifact.model.main
    source = graph.inputs[0].quantization
    integers = nearest(data, source).astype(np.int8)
    results = ENGINES[engine](artifact.flatbuffer, [[row[None]] for row in integers])
    found = {}
    for index, (name, function) in enumerate(ACTIVATIONS.items()):
        grid = graph.outputs[index].quantization
        right = np.asarray(function(ops.convert_to_tensor(data)), float)
        seen = np.asarray(function(ops.convert_to_tensor(real(integers, source), "float32")))
        got = np.stack([sample[index][0] for sample in results])
        found[name] = decibels(right, real(nearest(seen, grid), grid)) - decibels(
            right, real(got, grid)
        )
    return found


def test_accelerators_get_operators_and_users_a_warning(caplog):
    x = keras.Input((8,))
    model = keras.Model(x, [layers.Activation("softplus")(x), layers.Activation("silu")(x)])
    calibration = tfedge.calibrate(model, uniform(6, 8))
    artifact = tfedge.convert(model, target="edgetpu", calibration=calibration)
    codes = [operator.code for operator in artifact.model.main.operators]
    assert sorted(codes) == ["ADD", "EXP", "LOG", "LOGISTIC", "MUL"]
    (warned,) = [item.message for item in caplog.records if "operator by operator" in item.message]
    assert "EXP, ADD, LOG" in warned and "LOGISTIC" not in warned
    artifact = tfedge.convert(model, calibration=calibration)
    assert {layer.operator.code for layer in artifact.source.plan.layers} == {"BYTE_FUNCTION"}


def test_16_bits_are_real_in_files_and_refused_where_c_has_no_table():
    x = keras.Input((64,))
    model = keras.Model(x, layers.Activation("mish")(x))
    data = uniform(6, 64)
    artifact = tfedge.convert(
        model, target="tflite-micro", quantization="int16x8", calibration=data,
        input_type="float32", output_type="float32",
    )  # fmt: skip
    results = ENGINES["tflite-micro"](artifact.flatbuffer, [[row[None]] for row in data])
    got = np.concatenate([sample[0] for sample in results])
    assert decibels(model.predict(data, verbose=0).astype(float), got) > 85
    with pytest.raises(UnsupportedError, match="depends on the C library"):
        tfedge.convert(model, quantization="int16x8", calibration=data)


POLES = {
    "log": ops.log,
    "reciprocal": lambda x: 1 / x,
    "minus reciprocal": lambda x: -1 / x,
    "rsqrt": lambda x: 3 * ops.rsqrt(x),
    "log of negative": lambda x: ops.log(x - 0.5),
}


@pytest.mark.parametrize("target", ["host", "tflite-micro", "tflite"])
def test_what_is_infinite_or_no_number_is_an_end_of_the_range_everywhere(target):
    """C does not say which integer becomes of it; zero is on every grid, whatever was seen."""
    x = keras.Input((64,))
    model = keras.Model(x, [layers.Lambda(f)(x) for f in POLES.values()])
    data = np.random.default_rng(0).uniform(0.6, 4, (16, 64)).astype(np.float32)
    artifact = tfedge.convert(model, target=target, calibration=data)
    integers = np.arange(-128, -64, dtype=np.int8).reshape(1, 64)
    result = tfedge.verify(artifact.flatbuffer, integers[np.newaxis])
    wrong = {item.engine for item in result.comparisons if item.mismatches}
    assert result.passed and wrong <= {"litert"}  # where a number is none, XNNPACK has another end
    quantized = tfedge.quantize(model, calibration=data)
    exact = tfedge.convert(quantized, target=target)
    inputs = real(integers, exact.model.main.inputs[0].quantization).astype(np.float32)
    found = ENGINES["litert-reference"](exact.flatbuffer, [[integers]])[0]
    for name, predicted, output, tensor in zip(
        POLES, quantized.predict(inputs, verbose=0), found, exact.model.main.outputs, strict=True
    ):
        np.testing.assert_array_equal(nearest(predicted, tensor.quantization), output, name)
