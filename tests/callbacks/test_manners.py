"""What callbacks owe to the rest of a training: logs, notices, frozen layers, a config."""

from __future__ import annotations

import csv
import warnings

import keras
import numpy as np
import pytest

import tfedge
from tfedge.callbacks import (
    DistillationSchedule,
    Pruning,
    QuantizationAwareTraining,
    QuantizationSchedule,
    WeightClustering,
)
from tfedge.errors import TfedgeError
from tfedge.pruning import PolynomialDecay

STEPS = 4


def _net():
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((16,)), layers.Dense(16, activation="relu", name="a"),
         layers.Dense(4, name="b")]
    )  # fmt: skip


def _fit(model, *callbacks, epochs=1):
    if not model.compiled:
        model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 16)).astype("f"), rng.normal(size=(64, 4)).astype("f")
    return model.fit(
        x, y, batch_size=64 // STEPS, epochs=epochs, verbose=0, callbacks=list(callbacks)
    ).history


def _sparsity(model, name):
    return float(np.mean(model.get_layer(name).kernel.numpy() == 0))


@keras.saving.register_keras_serializable(package="tests")
def only_a(layer):
    return layer.name == "a"


@keras.saving.register_keras_serializable(package="tests")
def halving(epoch):
    return 2.0**-epoch


def test_a_logger_that_is_listed_first_sees_everything(tmp_path):
    path = tmp_path / "log.csv"
    callbacks = [Pruning(0.5), WeightClustering(4), QuantizationAwareTraining()]
    history = _fit(_net(), keras.callbacks.CSVLogger(path), *callbacks)
    with path.open() as file:
        (row,) = csv.DictReader(file)
    for name in ("sparsity", "sparsity_a", "distinct_values", "quantized", "ranges_frozen"):
        assert float(row[name]) == history[name][0]


@pytest.mark.parametrize(("unit", "end"), [("step", 3 * STEPS), ("epoch", 3)])
def test_a_schedule_that_ends_with_the_training_is_carried_out(unit, end):
    schedule = PolynomialDecay(0.75, end=end, frequency=1 if unit == "epoch" else 5, unit=unit)
    model = _net()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        history = _fit(model, Pruning(schedule), epochs=3)
    assert history["sparsity"][-1] == pytest.approx(0.75, abs=0.01)
    assert _sparsity(model, "a") == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize(
    ("callback", "said"),
    [
        (lambda: Pruning(PolynomialDecay(0.8, end=2000)), r"ends at step 4, .*end=2000.* not 0\.8"),
        (lambda: Pruning(PolynomialDecay(0.8, end=9, unit="epoch")), "ends at epoch 1"),
        (lambda: WeightClustering(4, start=3), "before clusters were found"),
        (lambda: QuantizationAwareTraining(start_epoch=3), "before rounding begins"),
    ],
)
def test_what_comes_after_the_end_of_training_is_said(callback, said):
    with pytest.warns(UserWarning, match=said):
        _fit(_net(), callback())


def test_frozen_layers_stay_unless_they_are_named():
    model = _net()
    model.get_layer("a").trainable = False
    before = model.get_layer("a").kernel.numpy()
    _fit(model, Pruning(0.5), WeightClustering(4))
    np.testing.assert_array_equal(model.get_layer("a").kernel, before)
    assert _sparsity(model, "b") == 0.5
    _fit(model, Pruning(0.5, layers="a"))
    assert _sparsity(model, "a") == 0.5
    model.trainable = False
    with pytest.raises(TfedgeError, match="frozen"):
        Pruning(0.5).set_model(model)


def test_a_second_training_goes_on_rounding():
    model = _net()
    _fit(model, QuantizationAwareTraining(start_epoch=1), epochs=2)
    again = _fit(model, QuantizationAwareTraining(start_epoch=2), epochs=2)
    assert again["quantized"] == [1, 1]
    quantized = tfedge.quantize(_net())
    _fit(quantized, QuantizationSchedule(start=1), epochs=2)
    assert _fit(quantized, QuantizationSchedule(start=2))["quantized"] == [1]


def test_the_scheme_of_the_last_callback_counts():
    model = _net()
    _fit(model, QuantizationAwareTraining("int8"))
    _fit(model, QuantizationAwareTraining("int4"))
    assert max(row.values for row in tfedge.convert(model).weights) <= 15


class ByHand(keras.Sequential):
    """Trains its layers without calling itself."""

    def train_step(self, data):
        x, y = data
        for layer in self.layers:
            x = layer(x)
        return {"loss": keras.ops.mean(keras.ops.square(x - y))}


def test_a_train_step_that_passes_the_model_by_is_noticed():
    model = ByHand([keras.Input((16,)), keras.layers.Dense(4)])
    with pytest.warns(UserWarning, match="train_step"):
        _fit(model, QuantizationAwareTraining())


class Scaled(keras.Sequential):
    """Has a step of its own that calls itself."""

    def train_step(self, data):
        self.steps_of_its_own = True
        return super().train_step(data)


def test_a_train_step_of_its_own_is_used():
    model = Scaled([keras.Input((16,)), keras.layers.Dense(4)])
    _fit(model, QuantizationAwareTraining())
    assert model.steps_of_its_own
    assert tfedge.convert(model).flatbuffer


@pytest.mark.parametrize(
    "callback",
    [
        Pruning(0.5, layers="a"),
        Pruning(PolynomialDecay(0.5, end=9), layers=only_a),
        WeightClustering(4, layers="dense"),
        WeightClustering(4, layers=["a", "b"]),
        WeightClustering(4, layers=only_a),
        QuantizationSchedule(1, 2, 3, unit="step"),
        QuantizationAwareTraining("int4", 2, freeze_ranges_epoch=4, check=False),
        DistillationSchedule(alpha=halving, temperature=4.0, loss_weights={"hint": 0.5}),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_callbacks_come_back_from_files(callback):
    described = keras.saving.serialize_keras_object(callback)
    again = keras.saving.deserialize_keras_object(described)
    assert again.get_config() == callback.get_config()
    assert getattr(again, "layers", None) == getattr(callback, "layers", None)


@pytest.mark.parametrize("kind", [Pruning, WeightClustering])
def test_a_function_that_keras_does_not_know_is_refused_in_words(kind):
    callback = kind(layers=lambda layer: True)
    with pytest.raises(TfedgeError, match="register_keras_serializable"):
        callback.get_config()


@pytest.mark.parametrize(
    "call",
    [
        tfedge.quantize,
        lambda model: tfedge.pruning.prune(model, 0.5),
        lambda model: tfedge.pruning.remove_channels(model, 0.5),
        tfedge.clustering.cluster,
        lambda model: tfedge.factorization.factorize(model, 0.5),
        lambda model: Pruning(0.5),
        lambda model: WeightClustering(),
        lambda model: QuantizationAwareTraining(),
        lambda model: tfedge.layers.Quantize(model.layers[0]),
        lambda model: tfedge.distillation.Distiller(model, model, []),
    ],
)
def test_other_backends_are_refused_at_once(call, monkeypatch):
    model = _net()
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(TfedgeError, match="KERAS_BACKEND=tensorflow"):
        call(model)
