"""The models from which docs/schemes.md is made: every operator with weights, large enough."""

from __future__ import annotations

import keras
import numpy as np

layers = keras.layers


def convolutions():
    """CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED."""
    inputs = keras.Input((6, 6, 16))
    x = layers.Conv2D(128, 3, padding="same", activation="relu")(inputs)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same")(x)
    x = layers.Flatten()(x)
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(x))


def embedding():
    """GATHER, whose table is all of the weights that matter."""
    inputs = keras.Input((8,), dtype="int32")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(200, 16)(inputs))
    return keras.Model(inputs, layers.Dense(8)(x))


def lstm():
    """UNIDIRECTIONAL_SEQUENCE_LSTM."""
    inputs = keras.Input((5, 24))
    return keras.Model(inputs, layers.Dense(4)(layers.LSTM(48)(inputs)))


MODELS = {"convolutions": convolutions, "embedding": embedding, "LSTM": lstm}


def built(name):
    """A model with the same weights and names each time."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(3)
    return MODELS[name]()


def samples(model, count=16):
    """Inputs for a model, as one array."""
    rng = np.random.default_rng(4)
    shape = (count, *model.input_shape[1:])
    if "int" in model.inputs[0].dtype:
        return rng.integers(0, 200, shape).astype(np.int32)
    return rng.normal(size=shape).astype(np.float32)
