"""Keras layers that are functions of one value, or of a row, become C that equals the truth."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfedge
from tfedge.errors import UnsupportedError

layers, ops = keras.layers, keras.ops

SHAPE = (5, 8)

# Layer or function, and the operators that it becomes.
FUNCTIONS = {
    "leaky_relu": (layers.LeakyReLU(0.1), ["LEAKY_RELU"]),
    "relu_slope": (layers.ReLU(negative_slope=0.2), ["LEAKY_RELU"]),
    "prelu": (layers.PReLU(alpha_initializer="normal"), ["PRELU"]),
    "prelu_by_channel": (layers.PReLU(alpha_initializer="normal", shared_axes=[1]), ["PRELU"]),
    "elu": (layers.Activation("elu"), ["ELU"]),
    "gelu": (layers.Activation("gelu"), ["GELU"]),
    "gelu_exact": (lambda x: keras.activations.gelu(x, approximate=False), ["GELU"]),
    "hard_silu": (layers.Activation("hard_silu"), ["HARD_SWISH"]),
    "hard_tanh": (layers.Activation("hard_tanh"), ["RELU_N1_TO_1"]),
    "log_softmax": (layers.Activation("log_softmax"), ["LOG_SOFTMAX"]),
    "abs": (ops.abs, ["ABS"]),
    "negative": (ops.negative, ["MUL"]),
    "square": (ops.square, ["MUL"]),
    "exp": (ops.exp, ["EXP"]),
    "running_sum": (lambda x: ops.cumsum(x, axis=1), ["CUMSUM"]),
    "product": (lambda x: ops.prod(x, axis=2), ["REDUCE_PROD"]),
}


def model_of(function):
    x = keras.Input(SHAPE)
    return keras.Model(x, function(x))


def values(count=24):
    return (2 * np.random.default_rng(1).normal(size=(count, *SHAPE))).astype(np.float32)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_equals_the_truth(name):
    function, codes = FUNCTIONS[name]
    keras.utils.set_random_seed(1)
    artifact = tfedge.convert(model_of(function), calibration=values())
    assert [operator.code for operator in artifact.model.main.operators] == codes
    assert tfedge.verify(artifact.model, samples=20, engines=("c",)).passed


def test_litert_sums_up_in_real_numbers():
    """It has no int8 kernel."""
    model = model_of(FUNCTIONS["running_sum"][0])
    artifact = tfedge.convert(model, target="tflite", calibration=values(), output_type="float32")
    codes = [operator.code for operator in artifact.model.main.operators]
    assert codes == ["DEQUANTIZE", "CUMSUM", "QUANTIZE", "DEQUANTIZE"]
    (output,) = artifact.quality.outputs
    assert output.noise < 1e-3


def test_one_model_may_need_kernels_of_both_references():
    """TFLite Micro rounds a product twice and has no GELU; LiteRT rounds it once."""
    keras.utils.set_random_seed(1)
    x = keras.Input((64,))
    y = layers.Dense(64, activation="gelu", bias_initializer="normal")(x)
    data = np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32)
    artifact = tfedge.convert(keras.Model(x, layers.Dense(32)(y)), calibration=data)
    engines = ("c", "litert-reference")
    result = tfedge.verify(artifact.model, samples=100, engines=engines)
    assert result.truth == "stepwise"
    assert result.passed
    litert = next(item for item in result.comparisons if item.engine == "litert-reference")
    assert litert.mismatches > 0


ISLANDS = {
    "silu": (layers.Activation("silu"), ["LOGISTIC", "MUL"]),
    "softplus": (layers.Activation("softplus"), ["EXP", "ADD", "LOG"]),
    "mish": (layers.Activation("mish"), ["EXP", "ADD", "LOG", "TANH", "MUL"]),
    "hard_sigmoid": (layers.Activation("hard_sigmoid"), ["ADD", "MUL"]),
    "sqrt": (lambda x: ops.sqrt(ops.relu(x)), ["RELU", "SQRT"]),
    "log": (lambda x: ops.log(ops.relu(x) + 0.1), ["RELU", "ADD", "LOG"]),
    "mask": (lambda x: x * ops.cast(x > 0, "float32"), ["GREATER", "CAST", "MUL"]),
    "sin": (ops.sin, ["SIN"]),
    "cos": (ops.cos, ["COS"]),
    "floor": (ops.floor, ["FLOOR"]),
    "ceil": (ops.ceil, ["CEIL"]),
    "round": (ops.round, ["ROUND"]),
    "reciprocal": (lambda x: 1 / (1.5 + ops.relu(x)), ["RELU", "ADD", "DIV"]),
    "softsign": (layers.Activation("softsign"), ["ABS", "ADD", "DIV"]),
    "snake": (lambda x: x + ops.square(ops.sin(x)), ["SIN", "MUL", "ADD"]),
    "floor_mod": (lambda x: ops.mod(x, 0.7), ["FLOOR_MOD"]),
    "power": (lambda x: ops.power(ops.relu(x) + 0.1, 1.5), ["RELU", "ADD", "POW"]),
    "sign": (ops.sign, ["SIGN"]),
}


@pytest.mark.parametrize("name", ISLANDS)
def test_what_integers_compute_badly_stays_real_in_the_file_and_is_a_table_in_c(name):
    function, codes = ISLANDS[name]
    artifact = tfedge.convert(model_of(function), calibration=values())
    operators = [operator.code for operator in artifact.model.main.operators]
    start = operators.index("DEQUANTIZE")
    assert operators[start:] == ["DEQUANTIZE", *codes, "QUANTIZE"]
    assert artifact.source.plan.layers[-1].operator.code == "BYTE_FUNCTION"
    result = tfedge.verify(artifact.model, samples=20, engines=("c",))
    assert result.truth == ("stepwise" if {"POW", "SIGN"} & set(codes) else "tflite-micro")
    assert result.passed


def test_what_others_read_of_an_island_is_quantised():
    x = keras.Input(SHAPE)
    wave = ops.sin(x)
    model = keras.Model(x, [layers.Dense(3)(wave), ops.square(wave), ops.cos(wave)])
    artifact = tfedge.convert(model, calibration=values(), output_type="float32")
    assert tfedge.verify(artifact.model, samples=20, engines=("c",)).passed
    expected = model.predict(values(), verbose=0)[1]
    assert np.abs(expected).max() > 0.9


def test_functions_of_two_activations_that_run_only_in_float_are_refused():
    x = keras.Input(SHAPE)
    model = keras.Model(x, ops.power(ops.relu(x) + 0.1, layers.Dense(8)(x)))
    with pytest.raises(UnsupportedError, match=r"POW.*functions of one activation"):
        tfedge.convert(model, calibration=values())


@pytest.mark.parametrize(
    ("function", "scheme"),
    [(ops.softmax, "int8"), (ops.softmax, "int16x8"), (ops.log_softmax, "int8")],
)
def test_rows_that_hardly_differ_get_a_scale_that_kernels_take(function, scheme):
    """As the scores of a network before its training."""
    model = model_of(function)
    artifact = tfedge.convert(model, quantization=scheme, calibration=1e-10 * values())
    assert tfedge.verify(artifact.model, samples=20, engines=("c",)).passed
