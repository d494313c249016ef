"""Models with activations of 16 bits, alone and beside 8, predict what the device computes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from device_agreement import agreement, disturb, train
from keras import layers

import tfedge
from tfedge.quantization import ActivationScheme, LayerScheme, Scheme

WIDE = LayerScheme(activations=ActivationScheme(bits=16))


def _block(x, merge):
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    y = layers.ReLU(6)(layers.BatchNormalization()(y))
    y = layers.Conv2D(6, 1, bias_initializer="normal")(y)
    return layers.Conv2D(6, 1, activation="relu")(merge()([x, y]))


def _network():
    keras.utils.set_random_seed(4)
    inputs = x = keras.Input((8, 8, 3))
    x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="stem")(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = _block(layers.MaxPooling2D(2)(x), layers.Add)
    x = layers.AveragePooling2D(3, 1, padding="same")(_block(x, layers.Concatenate))
    up = layers.Conv2DTranspose(4, 3, strides=2, bias_initializer="normal")(x)
    gate = layers.Dense(6, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Subtract()([layers.Multiply()([x, gate]), layers.BatchNormalization()(x)])
    means = layers.GlobalAveragePooling2D()(up)
    flat = layers.Dense(5, activation="relu")(layers.Flatten()(layers.ReLU()(x)))
    return keras.Model(
        inputs, [up, layers.Dense(7, name="last")(layers.Concatenate()([flat, means]))]
    )


def _functions():
    keras.utils.set_random_seed(5)
    x = keras.Input((5, 8))
    y = layers.Dense(8, activation="sigmoid", bias_initializer="normal")(x)
    steep = keras.initializers.RandomNormal(stddev=2.0)
    results = [
        layers.Dense(6, activation="tanh", kernel_initializer=steep)(x),
        layers.Softmax()(layers.Dense(7, kernel_initializer=steep)(x)),
        layers.LeakyReLU(0.3)(x),
        layers.Average()([x, y]),
        layers.Activation("silu")(x),
        layers.Dot(2)([x, y]),
    ]
    return keras.Model(x, results)


def _recurrent():
    keras.utils.set_random_seed(6)
    x = keras.Input((6, 4))
    y = layers.LSTM(5, return_sequences=True, bias_initializer="normal")(x)
    return keras.Model(x, layers.Bidirectional(layers.LSTM(3))(y))


@pytest.mark.parametrize("model", [_network, _functions, _recurrent])
def test_every_integer_is_the_devices(model):
    quantized = tfedge.quantize(model(), "int16x8")
    train(quantized)
    disturb(quantized)
    options = {"target": "tflite-micro", "quantization": "int16x8"}
    assert agreement(quantized, **options).farthest == 0


def test_widths_may_differ():
    model = _network()
    wide = [layer.name for layer in model.layers[:-1:2] if "transpose" not in layer.name]
    quantized = tfedge.quantize(model, Scheme("mixed", overrides=dict.fromkeys(wide, WIDE)))
    train(quantized)
    disturb(quantized)
    result = agreement(quantized, target="tflite-micro")
    assert result.farthest == 0
    assert result.codes.count("QUANTIZE") > 4


@pytest.mark.parametrize(
    "product", [layers.Dot((2, 1)), keras.ops.matmul], ids=["layer", "operation"]
)
def test_sums_of_products_that_float32_cannot_hold(product):
    """One in some thousand results lies so near a tie that a rounded sum is another integer."""
    rng = np.random.default_rng(7)
    calibration = [rng.uniform(-1, 1, (16, *shape)) for shape in ((24, 16), (16, 24))]
    x, y = keras.Input((24, 16)), keras.Input((16, 24))
    operands = [x, y] if isinstance(product, layers.Layer) else (x, y)
    result = product(operands) if isinstance(product, layers.Layer) else product(*operands)
    quantized = tfedge.quantize(keras.Model([x, y], result), "int16x8", calibration=calibration)
    assert agreement(quantized, count=64).farthest == 0
