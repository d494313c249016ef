"""The networks that the training benchmarks measure, for Keras 3 and for tf_keras alike.

Every builder takes the Keras module to build with, so that both sides have the same layers in the
same order and weights can be copied from one to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Shape = tuple[int, ...]
# Stride and width of a depthwise-separable block.
Block = tuple[int, int]


def depthwise_net(
    keras: Any, shape: Shape, classes: int, kernel: Shape, first: int, blocks: Sequence[Block]
) -> Any:
    """A convolution of stride 2, depthwise-separable blocks, an average, and logits."""
    layers = keras.layers
    inputs = layers.Input(shape)
    x = _normalised(layers, layers.Conv2D(first, kernel, 2, "same", use_bias=False)(inputs))
    for index, (stride, width) in enumerate(blocks):
        x = _normalised(layers, layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False)(x))
        last = index == len(blocks) - 1
        x = _normalised(
            layers, layers.Conv2D(width, 1, use_bias=False)(x), "maps" if last else None
        )
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(inputs, layers.Dense(classes)(x))


def convolutional_net(keras: Any, shape: Shape, classes: int, widths: Sequence[int]) -> Any:
    """3x3 convolutions, two to each half of the size, an average, and logits."""
    layers = keras.layers
    x = inputs = layers.Input(shape)
    for index, width in enumerate(widths):
        last = index == len(widths) - 1
        x = _normalised(layers, layers.Conv2D(width, 3, padding="same", use_bias=False)(x))
        x = layers.Conv2D(width, 3, 1 if last else 2, "same", use_bias=False)(x)
        x = _normalised(layers, x, "maps" if last else None)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(inputs, layers.Dense(classes)(x))


def residual_net(
    keras: Any, shape: Shape, classes: int, first: int, blocks: Sequence[Block]
) -> Any:
    """A convolution of stride 2, residual blocks of two convolutions, an average, and logits."""
    layers = keras.layers
    inputs = layers.Input(shape)
    x = _normalised(layers, layers.Conv2D(first, 3, 2, "same", use_bias=False)(inputs))
    for stride, width in blocks:
        y = _normalised(layers, layers.Conv2D(width, 3, stride, "same", use_bias=False)(x))
        y = layers.Conv2D(width, 3, padding="same", use_bias=False)(y)
        if stride > 1 or x.shape[-1] != width:
            x = layers.Conv2D(width, 1, stride, "same", use_bias=False)(x)
        x = layers.ReLU()(layers.Add()([x, layers.BatchNormalization()(y)]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes)(x))


def plain_net(keras: Any, shape: Shape, classes: int, widths: Sequence[int]) -> Any:
    """3x3 convolutions, the second and the last one of stride 2, an average, and logits."""
    layers = keras.layers
    x = inputs = layers.Input(shape)
    for index, width in enumerate(widths):
        stride = 2 if index in (1, len(widths) - 1) else 1
        x = _normalised(layers, layers.Conv2D(width, 3, stride, "same", use_bias=False)(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes)(x))


def depthwise_digits_net(keras: Any) -> Any:
    """For images of 28x28x1, 6,810 parameters."""
    return depthwise_net(keras, (28, 28, 1), 10, (3, 3), 16, ((1, 32), (2, 48), (1, 48)))


def residual_digits_net(keras: Any) -> Any:
    """For images of 28x28x1, 70,642 parameters."""
    return residual_net(keras, (28, 28, 1), 10, 8, ((2, 32), (2, 64)))


def plain_digits_net(keras: Any) -> Any:
    """For images of 28x28x1, 61,402 parameters."""
    return plain_net(keras, (28, 28, 1), 10, (16, 32, 64, 64))


def words_net(keras: Any) -> Any:
    """For log-mel spectrograms of 49x20x1, 6,810 parameters."""
    return depthwise_net(keras, (49, 20, 1), 10, (3, 3), 16, ((2, 32), (1, 48), (2, 48)))


def gestures_net(keras: Any) -> Any:
    """For strokes of 64x1x2."""
    return depthwise_net(keras, (64, 1, 2), 10, (5, 1), 16, ((1, 24), (2, 32), (1, 32)))


def resnet_8(keras: Any) -> Any:
    """The image classifier of MLPerf Tiny: 32x32x3, 78 k parameters."""
    layers = keras.layers
    inputs = layers.Input((32, 32, 3))
    x = _normalised(layers, layers.Conv2D(16, 3, padding="same")(inputs))
    for width, stride in ((16, 1), (32, 2), (64, 2)):
        y = _normalised(layers, layers.Conv2D(width, 3, stride, "same")(x))
        y = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same")(y))
        if stride > 1:
            x = layers.Conv2D(width, 1, stride, "same")(x)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return keras.Model(inputs, layers.Dense(10)(x))


def ds_cnn(keras: Any) -> Any:
    """The keyword spotter of MLPerf Tiny: 49x10x1, 24 k parameters."""
    layers = keras.layers
    inputs = layers.Input((49, 10, 1))
    x = _normalised(layers, layers.Conv2D(64, (10, 4), 2, "same")(inputs))
    for _ in range(4):
        x = _normalised(layers, layers.DepthwiseConv2D(3, padding="same")(x))
        x = _normalised(layers, layers.Conv2D(64, 1)(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(12)(x))


def _normalised(layers: Any, x: Any, name: str | None = None) -> Any:
    return layers.ReLU(name=name)(layers.BatchNormalization()(x))
