"""Every scheme gives files of integers that run and say nearly what the float model says."""

from __future__ import annotations

import dataclasses

import keras
import keras_models
import numpy as np
import pytest
from keras import layers

import tfedge
from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.quantization import schemes
from tfedge.quantization.policy import OPERATORS
from tfedge.quantization.schemes import Scheme, WeightScheme
from tfedge_converters.graph import TensorType, read_model, write_model
from tfedge_converters.graph.passes.micro_sequences import write_for_micro
from tfedge_converters.ptq import calibrate, quantize
from tfedge_converters.verify.engines import run_c, run_litert, run_litert_reference, run_micro

pytest.importorskip("tflite_micro")

_REALS = (TensorType.FLOAT32, TensorType.FLOAT16)


def activations():
    """Leaky ReLU, transposed convolution, sigmoid, tanh, a dense layer of rank 3."""
    keras.utils.set_random_seed(6)
    image = keras.Input((8, 8, 3), batch_size=1)
    x = layers.Conv2D(6, 3, padding="same", bias_initializer="normal")(image)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Conv2DTranspose(4, 3, strides=2, padding="same", bias_initializer="normal")(x)
    x = layers.AveragePooling2D(2)(x)
    y = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="sigmoid")(x)
    x = layers.Concatenate()([x, y])
    x = layers.Reshape((16, -1))(layers.MaxPooling2D(2)(x))
    x = layers.Dense(6, activation="tanh")(x)
    return keras.Model(image, layers.Softmax()(x))


MODELS = {
    "residual": keras_models.residual_cnn,
    "branches": keras_models.branches,
    "sequences": keras_models.sequence_pair,
    "activations": activations,
}

# Scheme to the least signal-to-noise ratio in decibels.
SCHEMES = {
    "int8": ("int8", 25),
    "int16x8": ("int16x8", 36),
    "int4": ("int4", 15),
    "edgetpu": ("edgetpu", 25),
    "6 bits": (Scheme("6 bits", WeightScheme(bits=6)), 20),
    "3 bits": (Scheme("3 bits", WeightScheme(bits=3)), 6),
    "2 bits": (Scheme("2 bits", WeightScheme(bits=2)), 0),
}


def _samples(model, count=16):
    rng = np.random.default_rng(11)
    shapes = [tensor.shape for tensor in model.main.inputs]
    return [[rng.normal(size=s).astype(np.float32) for s in shapes] for _ in range(count)]


def _quantized(build, scheme, **ends):
    model = read_model(keras_models.to_float_tflite(build()))
    samples = _samples(model)
    real = run_litert(write_model(model), samples)
    calibrate(model, samples, scheme=scheme)
    quantize(model, scheme, **ends)
    return model, samples, real


def _decibels(real, got):
    real, got = (np.concatenate([np.ravel(x[0]) for x in xs]) for xs in (real, got))
    return 10 * np.log10(np.square(real).sum() / np.square(real - got).sum())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("key", SCHEMES)
def test_models_run_and_agree_with_the_float_model(name, key):
    scheme, least = SCHEMES[key]
    ends = {"input_type": "float32", "output_type": "float32"}
    model, samples, real = _quantized(MODELS[name], scheme, **ends)
    for operator in model.main.operators:
        if operator.code not in ("QUANTIZE", "DEQUANTIZE"):
            operands = (*operator.inputs, *operator.outputs)
            assert not any(t is not None and t.type in _REALS for t in operands), operator.code
    found = {"LiteRT": _decibels(real, run_litert(write_model(model), samples))}
    write_for_micro(model)
    found["TFLite Micro"] = _decibels(real, run_micro(write_model(model), samples))
    assert min(found.values()) > least, found


def _weights(model):
    return {
        operator.code: operator.inputs[rule.operand]
        for operator in model.main.operators
        for rule in OPERATORS[operator.code].weights
    }


def test_four_bits_are_packed_where_there_are_kernels():
    model, _, _ = _quantized(activations, "int4")
    weights = _weights(model)
    assert {code: tensor.type for code, tensor in weights.items()} == {
        "CONV_2D": TensorType.INT4,
        "DEPTHWISE_CONV_2D": TensorType.INT4,
        "FULLY_CONNECTED": TensorType.INT4,
        "TRANSPOSE_CONV": TensorType.INT8,
    }
    for tensor in weights.values():
        packed = tensor.type == TensorType.INT4
        assert np.abs(tensor.data).max() == (7 if packed else 127)
        assert tensor.quantization.per_channel
        assert tensor.byte_size == (tensor.elements + packed) // (1 + packed)
    versions = {operator.code: operator.version for operator in model.main.operators}
    assert versions["CONV_2D"] == versions["DEPTHWISE_CONV_2D"] == 7
    assert versions["FULLY_CONNECTED"] == 10


@pytest.mark.parametrize("bits", [2, 3, 5, 6, 7])
def test_other_widths_are_restricted_ones_of_four_or_eight_bits(bits):
    scheme = Scheme("narrow", WeightScheme(bits=bits))
    model, _, _ = _quantized(activations, scheme)
    packed = TensorType.INT4 if bits < 4 else TensorType.INT8
    for code, tensor in _weights(model).items():
        assert tensor.type == (TensorType.INT8 if code == "TRANSPOSE_CONV" else packed)
        assert np.abs(tensor.data).max() == 2 ** (bits - 1) - 1


def test_layers_may_differ():
    scheme = dataclasses.replace(schemes.get("int4"), overrides={"logits": WeightScheme(bits=8)})
    x = keras.Input((6,), batch_size=1)
    y = layers.Dense(3, activation="relu", name="hidden")(x)
    y = layers.Dense(3, activation="softmax", name="logits")(y)
    artifact = tfedge.convert(
        keras.Model(x, y), quantization=scheme, calibration=np.ones((1, 6), np.float32)
    )
    dense = [item for item in artifact.model.main.operators if item.code == "FULLY_CONNECTED"]
    assert [item.inputs[1].type for item in dense] == [TensorType.INT4, TensorType.INT8]


def test_operators_without_int16_kernels_are_refused():
    x = keras.Input((6,), batch_size=1)
    with pytest.raises(UnsupportedError, match="cannot be quantised to int16; supported are ABS"):
        _quantized(lambda: keras.Model(x, layers.Activation("log_softmax")(x)), "int16x8")


def test_functions_without_int16_kernels_stay_real():
    x = keras.Input((6,), batch_size=1)
    model, _, _ = _quantized(lambda: keras.Model(x, layers.Activation("elu")(x)), "int16x8")
    codes = [operator.code for operator in model.main.operators]
    assert codes == ["DEQUANTIZE", "ELU", "QUANTIZE"]


def test_int16_ends():
    model, _, _ = _quantized(keras_models.residual_cnn, "int16x8", input_type="int16")
    assert {t.type for t in (*model.main.inputs, *model.main.outputs)} == {TensorType.INT16}
    with pytest.raises(TfedgeError, match="int16 or float32, not 'int8', with the scheme"):
        _quantized(keras_models.residual_cnn, "int16x8", output_type="int8")


def test_options_of_the_given_model_stay_when_it_is_refused():
    model = read_model(keras_models.to_float_tflite(keras_models.residual_cnn()))
    with pytest.raises(TfedgeError, match="is not known"):
        quantize(model, "int16x8")
    (add,) = (item for item in model.main.operators if item.code == "ADD")
    assert add.options.potScaleInt16


@pytest.mark.parametrize("scheme", ["int4", Scheme("3 bits", WeightScheme(bits=3))])
@pytest.mark.parametrize("build", [keras_models.residual_cnn, activations])
def test_generated_c_computes_with_narrow_weights_exactly(build, scheme):
    network = build()
    data = np.random.default_rng(1).normal(size=(8, *network.input_shape[1:]))
    artifact = tfedge.convert(network, quantization=scheme, calibration=data.astype(np.float32))
    verification = tfedge.verify(artifact.flatbuffer, samples=50)
    assert verification.passed, verification
    small = tfedge.convert(
        network, quantization=scheme, calibration=data.astype(np.float32), optimize="flash"
    )
    is_small = build is activations  # less is saved than it takes to restore it
    assert is_small or "weights that take less than a byte each" in small.summary()
    assert tfedge.verify(small.flatbuffer, samples=20).passed


def test_tflite_micro_gets_what_it_can_read():
    network = keras_models.residual_cnn()
    data = np.random.default_rng(1).normal(size=(8, *network.input_shape[1:])).astype(np.float32)
    convert = {"quantization": "int4", "calibration": data}
    micro = tfedge.convert(network, target="tflite-micro", **convert)
    weights = _weights(micro.model)
    assert weights["CONV_2D"].type == weights["DEPTHWISE_CONV_2D"].type == TensorType.INT4
    assert weights["FULLY_CONNECTED"].type == TensorType.INT8
    mobile = tfedge.convert(network, target="tflite", **convert)
    assert _weights(mobile.model)["FULLY_CONNECTED"].type == TensorType.INT4
    sample = [np.zeros((1, 16, 16, 3), np.int8)]
    same = run_micro(micro.flatbuffer, [sample]), run_litert_reference(mobile.flatbuffer, [sample])
    np.testing.assert_allclose(*same, atol=1)


@pytest.mark.parametrize("build", [keras_models.residual_cnn, keras_models.branches])
def test_int16_is_the_same_in_c(build):
    network = build()
    rng = np.random.default_rng(3)
    data = rng.normal(size=(16, *network.input_shape[1:])).astype(np.float32)
    artifact = tfedge.convert(network, quantization="int16x8", calibration=data)
    samples = [
        [rng.integers(-32768, 32768, t.shape).astype(np.int16) for t in artifact.model.main.inputs]
        for _ in range(20)
    ]
    expected = run_micro(artifact.flatbuffer, samples)
    for (a,), (b,) in zip(run_c(artifact.flatbuffer, samples), expected, strict=True):
        np.testing.assert_array_equal(a, b)
