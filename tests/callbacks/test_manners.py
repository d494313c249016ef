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
from tfedge.pruning import Constant, PolynomialDecay

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
        (lambda: Pruning(Constant(0.8, begin=4)), r"ends at step 4, .*begin=4.* begin by 3"),
        (lambda: WeightClustering(4, begin=1), "before clusters are found"),
        (lambda: WeightClustering(4, frequency=1, end=9, unit="step"), r"last time \(end=9\)"),
        (lambda: QuantizationAwareTraining(begin=3), "epoch 1, before rounding begins"),
        (lambda: QuantizationAwareTraining(begin=4, unit="step"), "step 4, before rounding begins"),
        (lambda: QuantizationAwareTraining(freeze_ranges=1), r"are frozen \(freeze_ranges=1\)"),
    ],
)
def test_what_comes_after_the_end_of_training_is_said_when_it_begins(callback, said):
    class Begun(keras.callbacks.Callback):
        """Ends a training that was not warned of before its first step."""

        def on_train_batch_begin(self, batch, logs=None):
            raise AssertionError("no warning came before the first step")

    with warnings.catch_warnings(), pytest.raises(UserWarning, match=said):
        warnings.simplefilter("error", UserWarning)
        _fit(_net(), callback(), Begun())


def test_what_was_not_reached_is_said_where_the_end_was_unknown():
    def batches():
        for _ in range(3):
            yield np.zeros((4, 16), np.float32), np.zeros((4, 4), np.float32)

    model = _net()
    model.compile("adam", "mse")
    with pytest.warns(UserWarning, match=r"ends at step \d, before clusters are found"):
        model.fit(batches(), verbose=0, callbacks=[WeightClustering(4, begin=9, unit="step")])


def test_clusters_are_found_and_renewed_at_steps():
    class Found(keras.callbacks.Callback):
        """Writes down after how many steps weights went to other clusters."""

        def __init__(self):
            super().__init__()
            self.steps, self.before = [], None

        def on_train_batch_end(self, batch, logs=None):
            part = model.get_layer("a").tfedge_shared_kernel
            now = part.assignments.numpy() if part.is_known else None
            if now is not None and (self.before is None or (now != self.before).any()):
                self.steps.append(int(model.optimizer.iterations.numpy()))
            self.before = now

    model, found = _net(), Found()
    _fit(model, WeightClustering(4, begin=2, frequency=3, unit="step"), found, epochs=3)
    assert found.steps[0] == 3 and set(found.steps) <= {3, 6, 9, 12}


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
    _fit(model, QuantizationAwareTraining(begin=1), epochs=2)
    again = _fit(model, QuantizationAwareTraining(begin=2), epochs=2)
    assert again["quantized"] == [1, 1]
    quantized = tfedge.quantize(_net())
    _fit(quantized, QuantizationSchedule(begin=1), epochs=2)
    assert _fit(quantized, QuantizationSchedule(begin=2))["quantized"] == [1]


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
        WeightClustering(4, begin=1, end=5, frequency=2, unit="step"),
        QuantizationSchedule(1, 2, 3, unit="step"),
        QuantizationAwareTraining("int4", 2, freeze_ranges=4, check=False),
        DistillationSchedule(
            alpha=halving,
            temperature=4.0,
            loss_weights={"hint": 0.5},
            end=9,
            frequency=3,
            unit="step",
        ),
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
