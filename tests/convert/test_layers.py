"""Layers of Keras, alone and in small networks, become C that equals the truth bit for bit."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfedge

layers = keras.layers

SERIES, IMAGE = (24, 3), (8, 10, 4)


def _one(shape, *parts):
    return lambda: keras.Sequential([keras.Input(shape), *[make() for make in parts]])


def _part(layer, *arguments, **options):
    return lambda: layer(*arguments, bias_initializer="normal", **options)


def u_net():
    x = keras.Input((16, 16, 2))
    a = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    b = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(a))
    c = layers.Conv2D(12, 3, padding="same", activation="relu")(layers.MaxPooling2D()(b))
    c = layers.Conv2DTranspose(8, 2, strides=2, activation="relu")(c)
    b = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.Concatenate()([b, c]))
    b = layers.UpSampling2D(interpolation="bilinear")(b)
    a = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.Concatenate()([a, b]))
    return keras.Model(x, layers.Conv2D(1, 1, activation="sigmoid")(a))


def tcn():
    """A temporal convolutional network: causal convolutions of growing dilation, with residues."""
    x = inputs = keras.Input((32, 4))
    for dilation in (1, 2, 4):
        y = layers.Conv1D(4, 3, padding="causal", dilation_rate=dilation, activation="relu")(x)
        x = layers.Add()([x, y])
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def attention():
    """Products of values that are both known at run time only."""
    x = keras.Input((6, 8))
    query, key, value = (layers.Dense(8, bias_initializer="normal")(x) for _ in range(3))
    scores = layers.Softmax()(layers.Dot((2, 2))([query, key]))
    return keras.Model(x, layers.Dot((2, 1))([scores, value]))


def product_of_rows():
    """A dense layer whose weights are computed at run time."""
    x = keras.Input((6, 8))
    a, b = (layers.Dense(8, bias_initializer="normal")(x) for _ in range(2))
    a, b = (keras.ops.reshape(part, (6, 8)) for part in (a, b))
    product = keras.ops.matmul(a, keras.ops.transpose(b))
    return keras.Model(x, keras.ops.reshape(product, (1, 36)))


MODELS = {
    "conv1d": _one(SERIES, _part(layers.Conv1D, 5, 3, strides=2, activation="relu")),
    "conv1d_same": _one(SERIES, _part(layers.Conv1D, 5, 4, padding="same")),
    "conv1d_causal": _one(SERIES, _part(layers.Conv1D, 5, 3, padding="causal")),
    "conv1d_causal_dilated": _one(
        SERIES, _part(layers.Conv1D, 5, 3, padding="causal", dilation_rate=4)
    ),
    "conv1d_dilated": _one(SERIES, _part(layers.Conv1D, 5, 3, dilation_rate=3)),
    "conv1d_transpose": _one(SERIES, _part(layers.Conv1DTranspose, 5, 3, strides=2)),
    "separable_conv1d": _one(SERIES, _part(layers.SeparableConv1D, 5, 3)),
    "depthwise_conv1d": _one(SERIES, _part(layers.DepthwiseConv1D, 3, depth_multiplier=2)),
    "conv2d_in_groups": _one(IMAGE, _part(layers.Conv2D, 6, 3, groups=2, padding="same")),
    "conv2d_by_channel": _one(IMAGE, _part(layers.Conv2D, 8, 3, groups=4)),
    "conv2d_dilated": _one(IMAGE, _part(layers.Conv2D, 6, 3, dilation_rate=2)),
    "conv2d_dilated_same": _one(
        IMAGE, _part(layers.Conv2D, 6, 3, dilation_rate=(2, 3), padding="same")
    ),
    "depthwise_multiplier": _one(IMAGE, _part(layers.DepthwiseConv2D, 3, depth_multiplier=2)),
    "depthwise_one_channel": _one(
        (9, 9, 1), _part(layers.DepthwiseConv2D, 3, strides=2, depth_multiplier=8)
    ),
    "depthwise_dilated": _one(
        IMAGE, _part(layers.DepthwiseConv2D, 3, dilation_rate=2, padding="same")
    ),
    "separable_conv2d": _one(
        IMAGE, _part(layers.SeparableConv2D, 6, 3, depth_multiplier=2, activation="relu")
    ),
    "conv2d_transpose": _one(IMAGE, _part(layers.Conv2DTranspose, 5, 3, strides=2)),
    "conv2d_transpose_same": _one(
        IMAGE,
        _part(layers.Conv2DTranspose, 5, 4, strides=(2, 3), padding="same", activation="relu"),
    ),
    "conv2d_transpose_small_kernel": _one(
        IMAGE, _part(layers.Conv2DTranspose, 5, 2, strides=3, use_bias=False)
    ),
    "conv2d_transpose_output_padding": _one(
        IMAGE,
        _part(layers.Conv2DTranspose, 5, 3, strides=2, padding="same", output_padding=1),
    ),
    "conv2d_transpose_dilated": _one(
        IMAGE, _part(layers.Conv2DTranspose, 5, 3, dilation_rate=(2, 3), padding="same")
    ),
    "up_nearest": _one(IMAGE, lambda: layers.UpSampling2D((2, 3))),
    "up_bilinear": _one(IMAGE, lambda: layers.UpSampling2D((2, 3), interpolation="bilinear")),
    "up_1d": _one(SERIES, lambda: layers.UpSampling1D(2)),
    "resize": _one(IMAGE, lambda: layers.Resizing(13, 7)),
    "resize_nearest": _one(IMAGE, lambda: layers.Resizing(13, 7, interpolation="nearest")),
    "max_pool_1d": _one(SERIES, lambda: layers.MaxPooling1D(3, strides=2, padding="same")),
    "average_pool_1d": _one(SERIES, lambda: layers.AveragePooling1D(3, strides=2, padding="same")),
    "average_pool_2d": _one(IMAGE, lambda: layers.AveragePooling2D((3, 5), 2, padding="same")),
    "global_max_pool": _one(IMAGE, layers.GlobalMaxPooling2D),
    "dense_on_series": _one(SERIES, _part(layers.Dense, 5, activation="relu")),
    "dense_on_image": _one(IMAGE, _part(layers.Dense, 5)),
    "u_net": u_net,
    "tcn": tcn,
    "attention": attention,
    "product_of_rows": product_of_rows,
}


@pytest.mark.parametrize("name", MODELS)
def test_layer_equals_the_truth(name):
    keras.utils.set_random_seed(1)
    model = MODELS[name]()
    rng = np.random.default_rng(2)
    samples = rng.normal(size=(16, *model.input_shape[1:])).astype(np.float32)
    artifact = tfedge.convert(model, calibration=samples)
    codes = [operator.code for operator in artifact.model.main.operators]
    result = tfedge.verify(artifact.model, samples=20, engines=("c",))
    assert result.passed, (codes, result)
