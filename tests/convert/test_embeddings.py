"""Keras models that take token ids become C that equals the truth bit for bit."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfedge

layers = keras.layers

WORDS, LENGTH, DEPTH = 20, 10, 8


def _model(*parts, dtype="int32", **options):
    x = inputs = keras.Input((LENGTH,), dtype=dtype)
    x = layers.Embedding(WORDS, DEPTH, **options)(x)
    for part in parts:
        x = part(x)
    return keras.Model(inputs, layers.Dense(3)(x))


def bag_of_words():
    return _model(layers.GlobalAveragePooling1D())


def ids_declared_as_floats():
    return _model(layers.GlobalAveragePooling1D(), dtype="float32")


def convolution():
    return _model(layers.Conv1D(4, 3, activation="relu"), layers.GlobalMaxPooling1D())


def positions():
    def add_positions(x):
        return x + layers.Embedding(LENGTH, DEPTH)(keras.ops.arange(LENGTH))

    return _model(add_positions, layers.Flatten())


def masked_bag_of_words():
    """Padding, word 0, does not count in the mean."""
    return _model(layers.GlobalAveragePooling1D(), mask_zero=True)


MODELS = (bag_of_words, ids_declared_as_floats, convolution, positions, masked_bag_of_words)


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_embeddings_equal_the_truth(make):
    keras.utils.set_random_seed(1)
    ids = np.random.default_rng(2).integers(-WORDS, WORDS, (64, LENGTH), np.int32)
    model = make()
    artifact = tfedge.convert(model, calibration=ids[:32].astype(model.inputs[0].dtype))
    assert "GATHER" in [operator.code for operator in artifact.model.main.operators]
    result = tfedge.verify(artifact.model, ids, engines=("c",))
    assert result.passed, result
