"""Models with every way that channels can take, and some of their channels removed.

What is removed is checked against the model itself: with zeros in the weights that read the
channels it computes what the smaller model does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

layers = keras.layers

IMAGE, SERIES = (8, 8, 3), (7, 5)


def conv(filters: int, kernel: Any = 3, **options: Any) -> Any:
    options.setdefault("padding", "same")
    return layers.Conv2D(filters, kernel, bias_initializer="normal", **options)


def head(x: Any, inputs: Any) -> Any:
    pooled = layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else x
    return keras.Model(inputs, layers.Dense(3)(pooled))


def plain() -> Any:
    i = keras.Input(IMAGE)
    x = layers.ReLU()(layers.BatchNormalization()(conv(8, use_bias=False)(i)))
    x = layers.MaxPooling2D()(conv(8, strides=2, activation="tanh")(layers.ZeroPadding2D()(x)))
    return head(conv(4)(layers.UpSampling2D()(x)), i)


def depthwise() -> Any:
    i = keras.Input(IMAGE)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, bias_initializer="normal")(conv(8)(i))
    x = layers.PReLU(alpha_initializer="normal", shared_axes=[1, 2])(x)
    x = layers.SeparableConv2D(8, 3, depth_multiplier=2, padding="same")(x)
    return head(layers.PReLU(alpha_initializer="normal")(x), i)


def transposed() -> Any:
    i = keras.Input(IMAGE)
    x = layers.Conv2DTranspose(8, 3, 2, bias_initializer="normal")(conv(4)(i))
    return head(layers.AveragePooling2D(2)(x), i)


def merging(merge: str) -> Callable[[], Any]:
    def make() -> Any:
        i = keras.Input(IMAGE)
        x = conv(8)(i)
        y = getattr(layers, merge)()([x, conv(8, 1)(x)])
        return head(conv(4)(layers.ReLU()(y)), i)

    return make


def concatenated() -> Any:
    i = keras.Input(IMAGE)
    a, b = conv(4)(i), conv(8)(i)
    x = layers.Concatenate()([a, b, a])
    x = layers.Add()([x, conv(16)(x)])
    stacked = layers.Concatenate(axis=1)([x, conv(16, 1)(x)])
    return head(layers.BatchNormalization()(stacked), i)


def flattened() -> Any:
    i = keras.Input(IMAGE)
    x = layers.Flatten()(layers.MaxPooling2D(2)(conv(4)(i)))
    x = layers.Dense(8, activation="relu")(x)
    return keras.Model(i, layers.Dense(2)(layers.Dropout(0.5)(x)))


def generator() -> Any:
    i = keras.Input((5,))
    x = layers.Reshape((2, 2, 8))(layers.Dense(32)(i))
    return head(conv(4)(x), i)


def squeezed() -> Any:
    i = keras.Input(IMAGE)
    x = conv(8)(i)
    s = layers.GlobalAveragePooling2D(keepdims=True)(x)
    s = conv(8, 1, activation="sigmoid")(conv(4, 1, activation="relu")(s))
    gate = conv(1, 1, activation="sigmoid")(x)
    return head(layers.Multiply()([layers.Multiply()([x, s]), gate]), i)


def spatial_attention() -> Any:
    i = keras.Input(SERIES)
    x = layers.Dense(8)(i)
    y = layers.MultiHeadAttention(4, 3, bias_initializer="normal")(x, x)
    x = layers.Add()([x, y])
    x = layers.Add()([x, layers.Dense(8)(layers.Dense(12, activation="gelu")(x))])
    x = layers.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d")(x)
    return keras.Model(i, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


def series() -> Any:
    i = keras.Input(SERIES)
    x = layers.Conv1D(8, 3, padding="causal", activation="relu")(i)
    x = layers.SeparableConv1D(8, 3)(layers.DepthwiseConv1D(3)(x))
    x = layers.LSTM(8, return_sequences=True, bias_initializer="normal")(x)
    x = layers.Add()([x, layers.GRU(8, return_sequences=True, bias_initializer="normal")(x)])
    x, state = layers.GRU(4, return_state=True, reset_after=False)(x)
    x = layers.SimpleRNN(4)(layers.RepeatVector(3)(x), initial_state=state)
    return keras.Model(i, layers.Dense(2)(x))


def words() -> Any:
    i = keras.Input((6,), dtype="int32")
    x = layers.LSTM(4)(layers.Embedding(9, 8, mask_zero=True)(i))
    return keras.Model(i, layers.Dense(2)(x))


def shared_and_nested() -> Any:
    i = keras.Input(IMAGE)
    block = keras.Sequential([keras.Input((8, 8, 8)), conv(8), layers.BatchNormalization()])
    x = block(conv(8)(i))
    return head(block(layers.Activation("relu")(x)), i)


def operations() -> Any:
    i = keras.Input(IMAGE)
    x = conv(8)(i)
    return head(keras.ops.relu(x + conv(8)(x)) * 0.5, i)


@keras.saving.register_keras_serializable("tfedge_tests")
def steep_swish(x: Any) -> Any:
    return x * keras.ops.sigmoid(3.0 * x)


@keras.saving.register_keras_serializable("tfedge_tests")
def share(x: Any) -> Any:
    return x / (1.0 + keras.ops.sum(x * x, -1, keepdims=True))


@keras.saving.register_keras_serializable("tfedge_tests")
def share_of_steps(x: Any) -> Any:
    return keras.ops.softmax(x, axis=1)


def variants() -> Any:
    """Options that leave channels what they are."""
    i = keras.Input(SERIES)
    x = layers.Dense(8, activation=steep_swish)(i)
    x = layers.BatchNormalization(renorm=True, center=False)(x)
    x = layers.Activation(share_of_steps)(layers.Dropout(0.5, noise_shape=(None, 7, 1))(x))
    x = layers.Concatenate(axis=1)(inputs=[x, layers.Dense(8)(x)])
    x = keras.ops.subtract(x2=layers.Dense(8)(x), x1=x)
    x = layers.GRU(8, go_backwards=True, return_sequences=True, unroll=True)(x)
    x = layers.PReLU(alpha_initializer="normal", shared_axes=[2])(layers.Reshape((7, 16))(x))
    return keras.Model(i, layers.Dense(2)(layers.GlobalAveragePooling1D(keepdims=True)(x)))


def unknown() -> Any:
    i = keras.Input(IMAGE)
    x = layers.GroupNormalization(2)(conv(8)(i))
    x = conv(8, groups=2)(conv(8)(x))
    return head(conv(8)(layers.Softmax()(conv(8)(x))), i)


CASES: dict[str, Callable[[], Any]] = {
    "plain": plain,
    "depthwise": depthwise,
    "transposed": transposed,
    **{merge: merging(merge) for merge in ("Add", "Subtract", "Multiply", "Average", "Maximum")},
    "concatenated": concatenated,
    "flattened": flattened,
    "generator": generator,
    "squeezed": squeezed,
    "attention": spatial_attention,
    "series": series,
    "words": words,
    "shared and nested": shared_and_nested,
    "operations": operations,
    "variants": variants,
    "unknown": unknown,
}


def random_input(model: Any, count: int = 3) -> np.ndarray:
    rng = np.random.default_rng(0)
    shape = (count, *model.input_shape[1:])
    if "int" in model.inputs[0].dtype:
        return rng.integers(1, 9, shape).astype(np.int32)
    return rng.normal(size=shape).astype(np.float32)


def shake(model: Any) -> Any:
    """Statistics and scales of batch-norms that are not the ones they start with."""
    rng = np.random.default_rng(1)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            for weight in layer.weights:
                weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return model
