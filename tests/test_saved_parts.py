"""Masks, clusters and ranges go wherever Keras takes a model's weights."""

from __future__ import annotations

import copy
import pickle

import h5py
import keras
import numpy as np
import pytest

import tfedge
from tfedge.callbacks import Pruning, QuantizationAwareTraining, WeightClustering
from tfedge.errors import TfedgeError
from tfedge.pruning.kernels import selected_kernels
from tfedge.quantization import ActivationScheme, Scheme, WeightScheme

LEARNED = Scheme(
    "learned", WeightScheme(quantizer="learned_step"), ActivationScheme(quantizer="learned_range")
)
VALUES, SPARSITY = 6, 0.75


def _net():
    layers = keras.layers
    inputs = keras.Input((16,), name="x")
    x = layers.Dense(16, activation="relu", name="first")(inputs)
    return keras.Model(inputs, layers.Dense(4, name="second")(x))


def _data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(64, 16)).astype("f"), rng.normal(size=(64, 4)).astype("f")


def _fit(model, callbacks=(), optimizer="adam", **options):
    model.compile(optimizer, keras.losses.MeanSquaredError())
    return model.fit(*_data(), verbose=0, callbacks=list(callbacks), **options).history


def _predictions(model):
    return model.predict(_data()[0], verbose=0)


def _through_keras(model, folder):
    model.save(folder / "m.keras")
    return keras.models.load_model(folder / "m.keras")


def _through_h5(model, folder):
    model.save(folder / "m.h5")
    return keras.models.load_model(folder / "m.h5")


def _through_weights(model, folder):
    model.save_weights(folder / "m.weights.h5")
    fresh = _net()
    fresh.load_weights(folder / "m.weights.h5")
    return fresh


def _into_a_trained_model(model, folder):
    model.save_weights(folder / "m.weights.h5")
    other = _net()
    _fit(other)
    _predictions(other)
    other.load_weights(folder / "m.weights.h5")
    return other


def _through_set_weights(model, _):
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    return clone


ROADS = {
    "keras": _through_keras,
    "h5": _through_h5,
    "weights": _through_weights,
    "weights into a trained model": _into_a_trained_model,
    "set_weights": _through_set_weights,
    "deepcopy": lambda model, _: copy.deepcopy(model),
    "pickle": lambda model, _: pickle.loads(pickle.dumps(model)),
}


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(1)
    model = _net()
    _fit(model, [Pruning(SPARSITY), WeightClustering(VALUES), QuantizationAwareTraining()])
    return model


def _kept(model):
    values = [kernel.values() for kernel in selected_kernels(model)]
    return [(float(np.mean(v == 0)), len(np.unique(v))) for v in values]


@pytest.mark.parametrize("road", ROADS)
def test_what_arrives_is_the_same_model_and_stays_so(trained, road, tmp_path):
    arrived = ROADS[road](trained, tmp_path)
    np.testing.assert_array_equal(_predictions(arrived), _predictions(trained))
    assert tfedge.convert(arrived).flatbuffer
    before = _kept(arrived)
    assert all(zeros >= SPARSITY and values <= VALUES for zeros, values in before)
    kernels = [kernel.values() for kernel in selected_kernels(arrived)]
    _fit(arrived, optimizer=keras.optimizers.Adam(0.01, use_ema=True))
    assert _kept(arrived) == before
    for was, kernel in zip(kernels, selected_kernels(arrived), strict=True):
        assert not np.array_equal(was, kernel.values())
        np.testing.assert_array_equal(was == 0, kernel.values() == 0)


def test_the_weights_of_a_model_stay_what_they_are(trained):
    assert [w.path.split("/", 1)[-1] for w in trained.weights] == [
        "kernel", "bias", "kernel", "bias"
    ]  # fmt: skip


@pytest.mark.parametrize("road", ["keras", "h5", "set_weights"])
def test_learned_ranges_come_back_with_the_optimizer(road, tmp_path):
    model = _net()
    _fit(model, [QuantizationAwareTraining(LEARNED)])
    arrived = ROADS[road](model, tmp_path)
    np.testing.assert_array_equal(_predictions(arrived), _predictions(model))
    step = arrived.get_layer("second").tfedge_ranges[-1].step
    before = step.numpy()
    if not arrived.compiled:
        arrived.compile("adam", "mse")
    arrived.fit(*_data(), verbose=0, callbacks=[QuantizationAwareTraining(LEARNED)])
    assert np.any(before != step.numpy())


def test_a_checkpoint_of_the_best_epoch_converts(tmp_path):
    model = _net()
    best = keras.callbacks.ModelCheckpoint(tmp_path / "b.keras", "loss", save_best_only=True)
    early = keras.callbacks.EarlyStopping("loss", restore_best_weights=True)
    _fit(model, [early, QuantizationAwareTraining(), best], epochs=2)
    loaded = keras.models.load_model(tmp_path / "b.keras")
    np.testing.assert_array_equal(_predictions(loaded), _predictions(model))
    assert tfedge.convert(loaded).flatbuffer == tfedge.convert(model).flatbuffer


def test_ranges_return_with_the_weights_of_the_best_epoch():
    model = _net()
    _fit(model, [QuantizationAwareTraining()])
    before, weights = _predictions(model), model.get_weights()
    model.fit(*_data(), verbose=0)
    assert np.any(before != _predictions(model))
    model.set_weights(weights)
    np.testing.assert_array_equal(before, _predictions(model))


def test_a_clone_without_weights_says_where_ranges_are(trained):
    with pytest.raises(TfedgeError, match="clone_model"):
        tfedge.convert(keras.models.clone_model(trained))


def test_parts_of_another_architecture_stay_behind(trained):
    other = keras.Sequential([keras.Input((16,)), keras.layers.Dense(16), keras.layers.Dense(4)])
    with pytest.warns(UserWarning, match="not built as"):
        other.set_weights(trained.get_weights())
    assert np.isfinite(_predictions(other)).all()


def test_a_cut_off_average_does_not_undo_what_was_kept(trained):
    arrived = copy.deepcopy(trained)
    before = _kept(arrived)
    averages = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    _fit(arrived, [averages], keras.optimizers.Adam(0.01, use_ema=True))
    assert _kept(arrived) == before


def test_what_cannot_be_restored_is_said(trained, tmp_path):
    trained.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "r+") as file:
        description = file["tfedge_quantization/vars"]
        del description["description"]
        description["description"] = np.frombuffer(b'{"scheme": {}}', np.uint8)
    fresh = _net()
    with pytest.warns(UserWarning, match="computes in float now"):
        fresh.load_weights(tmp_path / "m.weights.h5")
    with pytest.raises(TfedgeError, match="not known"):
        tfedge.convert(fresh)
