"""Networks as people build them, small enough to be calibrated and compiled in seconds."""

from __future__ import annotations

import keras
import numpy as np

layers = keras.layers


def mobilenet_v1():
    return keras.applications.MobileNet((96, 96, 3), alpha=0.25, weights=None, classes=10)


def mobilenet_v2():
    return keras.applications.MobileNetV2((96, 96, 3), alpha=0.35, weights=None, classes=10)


def mobilenet_v3_small():
    return keras.applications.MobileNetV3Small(
        (96, 96, 3), alpha=0.5, weights=None, classes=10, include_preprocessing=False
    )


def mobilenet_v3_large():
    return keras.applications.MobileNetV3Large(
        (64, 64, 3), alpha=0.75, weights=None, classes=10, include_preprocessing=False
    )


def efficientnet_v2_b0():
    return keras.applications.EfficientNetV2B0(
        input_shape=(64, 64, 3), weights=None, classes=10, include_preprocessing=False
    )


def efficientnet_lite():
    """Inverted bottlenecks with squeeze-and-excitation and swish."""
    inputs = keras.Input((64, 64, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="swish")(inputs)
    for channels, stride in ((8, 1), (12, 2), (12, 1), (16, 2)):
        y = layers.Conv2D(x.shape[-1] * 4, 1, use_bias=False)(x)
        y = layers.Activation("swish")(layers.BatchNormalization()(y))
        y = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(y)
        y = layers.Activation("swish")(layers.BatchNormalization()(y))
        gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
        gate = layers.Conv2D(4, 1, activation="swish")(gate)
        y = y * layers.Conv2D(y.shape[-1], 1, activation="sigmoid")(gate)
        y = layers.BatchNormalization()(layers.Conv2D(channels, 1, use_bias=False)(y))
        x = layers.Add()([x, y]) if y.shape == x.shape else y
    return keras.Model(inputs, layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))


def vision_transformer():
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(16, 4, strides=4)(inputs)
    x = layers.Reshape((16, 16))(x)
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(2, 8)(y, y)])
        y = layers.Dense(32, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(16)(y)])
    return keras.Model(inputs, layers.Dense(5)(layers.GlobalAveragePooling1D()(x)))


def unet():
    inputs = keras.Input((32, 32, 3))
    x, skips = inputs, []
    for channels in (8, 16):
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    x = layers.Concatenate()([layers.UpSampling2D(2)(x), skips.pop()])
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same")(x)
    x = layers.Concatenate()([x, skips.pop()])
    return keras.Model(inputs, layers.Conv2D(2, 1, activation="sigmoid")(x))


def temporal_convolution():
    inputs = keras.Input((64, 4))
    x = layers.Conv1D(8, 1)(inputs)
    for dilation in (1, 2, 4):
        y = layers.Conv1D(8, 3, padding="causal", dilation_rate=dilation, activation="relu")(x)
        x = layers.Add()([x, y])
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


def flexible_batch():
    """Its reshape is computed from the batch at run time, until that is fixed."""
    inputs = keras.Input((6, 4))
    x = layers.Dense(8, activation="relu")(inputs)
    x = layers.Reshape((2, 24))(x)
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))


MODELS = {
    function.__name__: function
    for function in (
        mobilenet_v1, mobilenet_v2, mobilenet_v3_small, efficientnet_lite, vision_transformer,
        unet, temporal_convolution, flexible_batch,
    )
}  # fmt: skip

# Half a minute each: tests/sweeps/keras_models.py tries them.
LARGE_MODELS = {
    function.__name__: function for function in (mobilenet_v3_large, efficientnet_v2_b0)
}


def with_statistics(model: keras.Model, rng: np.random.Generator) -> keras.Model:
    """The model with statistics as if trained: Keras' initial ones make layers do nothing."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.moving_mean.shape
            layer.moving_mean.assign(rng.normal(0, 0.1, size))
            layer.moving_variance.assign(rng.uniform(0.2, 1, size))
    return model
