"""Models in float16, bfloat16 and float64, in whole or in part, train for the same integers.

Layers may keep their weights in such a type, or compute in it (mixed precision); the integers are
made of float32 numbers whatever they do.
"""

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras_layers.models import Example, randomize
from keras_layers.roads import training
from outcomes import RIGHT
from random_keras.checks import inputs_for

import tfedge
from tfedge.errors import UnsupportedError


class Products(layers.Layer):
    """A user's layer with weights of its own."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(3, 3, shape[-1], 3), name="kernel")
        self.matrix = self.add_weight(shape=(3, 4), name="matrix")
        self.factor = self.add_weight(shape=(4,), name="factor")

    def call(self, x):
        return ops.matmul(ops.conv(x, self.kernel), self.matrix) * self.factor


def _series(*parts):
    return keras.Sequential([keras.Input((5, 8)), *parts])


def _images(*parts):
    return keras.Sequential([keras.Input((8, 8, 4)), *parts])


def _words(*parts):
    return keras.Sequential([keras.Input((5,), dtype="int32"), *parts])


def _attention():
    x = keras.Input((5, 8))
    attend = layers.MultiHeadAttention(2, 3, dtype="float16")
    return keras.Model(x, attend(x, x, use_causal_mask=True))


MODELS = {
    "dense": lambda: _series(
        layers.Dense(4, "relu", dtype="bfloat16"), layers.EinsumDense("abc,cd->abd", (None, 3),
        bias_axes="d", dtype="float64"),
    ),
    "convolutions": lambda: _images(
        layers.DepthwiseConv2D(3, dtype="float16"), layers.SeparableConv2D(3, 3, dtype="bfloat16"),
        layers.Conv2DTranspose(2, 3, dtype="float64"), layers.BatchNormalization(dtype="float64"),
    ),
    "norm": lambda: _series(layers.LayerNormalization(dtype="bfloat16")),
    "norm of groups": lambda: _images(layers.GroupNormalization(2, dtype="float16")),
    "attention": _attention,
    "LSTM": lambda: _series(layers.LSTM(3, dtype="float64")),
    "GRU": lambda: _series(layers.GRU(3, dtype="float16")),
    "words": lambda: _words(
        layers.Embedding(9, 4, dtype="float16"), layers.PReLU(dtype="float64"),
    ),
    "words in mixed precision": lambda: _words(
        layers.Embedding(9, 4, dtype="mixed_float16"), layers.Dense(3, dtype="mixed_float16"),
    ),
    "a layer of a user's own": lambda: _images(Products(dtype="float64")),
    "casts": lambda: _series(
        layers.Dense(4), layers.Lambda(lambda x: ops.cast(ops.cast(x, "float16"), "float32") * 3.0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_types_of_weights_and_arithmetic_change_no_integer(name):
    keras.utils.set_random_seed(0)
    model, rng = MODELS[name](), np.random.default_rng(0)
    randomize(model, rng)
    outcome = training(Example(model, inputs_for(model, rng, 32)))
    assert outcome.result == RIGHT, outcome.message


def test_inputs_that_no_converted_model_takes_are_refused_before_training():
    x = keras.Input((5,), dtype="float64", name="wide")
    model = keras.Model(x, layers.Dense(2)(x))
    with pytest.raises(UnsupportedError, match="input 'wide' takes elements of type float64; give"):
        tfedge.quantize(model)
