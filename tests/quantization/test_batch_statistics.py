"""Batch-norms record in training for integers what they record in the model itself."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

import tfedge
from tfedge.callbacks import QuantizationAwareTraining
from tfedge.quantization.phase import FLOAT

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(2, 9, (64, 1))
# Words, and zeros behind their end.
WORDS = np.where(np.arange(8) < LENGTHS, RNG.integers(1, 9, (64, 8)), 0)
SERIES = RNG.normal(size=(64, 6, 8)).astype(np.float32)
IMAGES = RNG.normal(size=(64, 6, 5, 4)).astype(np.float32)


def _words(*parts):
    x = keras.Input((8,), dtype="int32")
    y = layers.Embedding(9, 6, mask_zero=True)(x)
    for part in parts:
        y = part(y)
    return keras.Model(x, y), WORDS


def _series(*parts):
    return keras.Sequential([keras.Input((6, 8)), *parts]), SERIES


def _pixels(layer):
    """A mask that is computed behind the layer whose result it belongs to."""
    x = keras.Input((6, 5, 4))
    y = layer(x)
    large = ops.max(layers.Conv2D(2, 1)(layers.Conv2D(2, 1)(x)), -1) > 0
    return keras.Model(x, layers.ReLU()(layers.BatchNormalization()(y, mask=large))), IMAGES


NORM = layers.BatchNormalization
MODELS = {
    "words": lambda: _words(NORM()),
    "behind a dense layer": lambda: _words(layers.Dense(4), NORM()),
    "of every step": lambda: _words(layers.Dense(4), NORM(axis=1)),
    "of one channel": lambda: _words(layers.Dense(1), NORM()),
    "renormalised words": lambda: _words(layers.Dense(4), NORM(renorm=True)),
    "behind a convolution": lambda: _pixels(layers.Conv2D(4, 3, padding="same")),
    "behind two convolutions": lambda: _pixels(layers.SeparableConv2D(4, 3, padding="same")),
    "renormalised, clipped": lambda: _series(
        layers.Dense(4), NORM(renorm=True, renorm_clipping={"rmax": 1.1, "rmin": 0.9, "dmax": 0.1})
    ),
    "synchronised along steps": lambda: _series(NORM(axis=1, synchronized=True)),
}


def _made(name):
    keras.utils.set_random_seed(0)
    model, data = MODELS[name]()
    for weight in model.trainable_variables:
        weight.assign(RNG.normal(0.1, 0.5, weight.shape))
    return model, data


def _statistics(model):
    return {one.path: one.numpy() for one in model.non_trainable_variables if "norm" in one.path}


@pytest.mark.parametrize("name", MODELS)
def test_a_step_without_rounding_is_the_models_own(name):
    model, data = _made(name)
    quantized = tfedge.quantize(model)
    quantized.set_phase(FLOAT)
    fresh = model.get_weights()
    wanted, recorded = model(data, training=True), _statistics(model)
    model.set_weights(fresh)
    found = quantized(data, training=True)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    for path, value in _statistics(model).items():
        np.testing.assert_allclose(value, recorded[path], rtol=1e-4, atol=1e-6, err_msg=path)


@pytest.mark.parametrize("name", ["words", "behind a dense layer", "of every step"])
def test_what_is_masked_does_not_count(name):
    """The row of the table that padding looks up is far from all others."""
    model, data = _made(name)
    table = model.layers[1].embeddings
    quantized = tfedge.quantize(model)
    quantized.compile(keras.optimizers.SGD(0.0), "mse")
    fresh, found = model.get_weights(), []
    for far in (0.0, 100.0):
        model.set_weights(fresh)
        table.assign(np.concatenate([np.full((1, 6), far), table.numpy()[1:]]))
        quantized.set_phase(FLOAT)
        quantized.fit(data, np.zeros((64, *model.output_shape[1:])), verbose=0)
        found.append(_statistics(model))
    for path, value in found[0].items():
        np.testing.assert_allclose(value, found[1][path], rtol=1e-4, atol=1e-6, err_msg=path)


def test_weights_in_front_of_a_masked_norm_learn_with_the_callback():
    model, data = _made("behind a dense layer")
    targets = RNG.normal(size=(64, 8, 4))
    before = [one.numpy() for one in model.trainable_variables]
    statistics = _statistics(model)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(data, targets, callbacks=[QuantizationAwareTraining()], verbose=0)
    for old, new in zip(before, model.trainable_variables, strict=True):
        # A batch-norm takes away what a bias adds.
        assert (old != new.numpy()).any() or new.name == "bias", new.path
    for path, value in _statistics(model).items():
        assert (value != statistics[path]).all(), path


def test_a_quantised_model_with_a_mask_comes_back(tmp_path):
    model, data = _made("behind a dense layer")
    quantized = tfedge.quantize(model, calibration=data)
    quantized.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    found, wanted = (one.predict(data, verbose=0) for one in (again, quantized))
    np.testing.assert_array_equal(found, wanted)
