"""Kernels with few values, while they train and after."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from bright_quarters import compiled
from clustered_nets import counts, fit, kernel_of, net, prune, zeros

import tfedge
from tfedge.callbacks import WeightClustering
from tfedge.clustering.sharing import shared_weights
from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.preservation import preserve
from tfedge.pruning.kernels import selected_kernels


def _assignments(model):
    return [np.array(shared_weights(kernel).assignments) for kernel in selected_kernels(model)]


def test_values_are_few_from_the_start_on_and_logs_say_so():
    model = compiled(net(), "adam", built=False)
    logs = fit(model, 3, [WeightClustering(8, begin=1, layers=["first", "scores"])])
    assert logs["distinct_values_first"] == [144, 8, 8]
    assert logs["distinct_values_scores"][1:] == [8, 8]
    assert logs["distinct_values"][1:] == [16, 16]
    assert counts(model)[1] == 72


def test_a_centroid_moves_by_the_mean_of_its_members_gradients():
    """r / n times the sum that Han et al. descend by."""
    model = compiled(net(), keras.optimizers.SGD(0.1))
    kernel = kernel_of(model, "scores")
    callback = WeightClustering(4)
    fit(model, 1, [callback])
    before, clusters = kernel.values(), shared_weights(kernel).assignments.numpy()
    free = net()
    free.set_weights(model.get_weights())
    compiled(free, keras.optimizers.SGD(0.1))
    images, labels = np.ones((4, 8, 8, 2), np.float32), np.arange(4)
    model.train_on_batch(images, labels)
    free.train_on_batch(images, labels)
    update = kernel_of(free, "scores").values() - before
    for cluster in np.unique(clusters):
        moved = (kernel.values() - before)[clusters == cluster]
        np.testing.assert_allclose(moved, update[clusters == cluster].mean(), atol=1e-6)
    assert np.abs(update).max() > 1e-4


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        ("adam", {"jit_compile": True}),
        ("sgd", {"steps_per_execution": 2}),
        (keras.optimizers.Adam(use_ema=True), {}),
    ],
    ids=["xla", "several_steps", "averaged"],
)
def test_wherever_keras_trains(optimizer, options):
    model = compiled(net(), optimizer, **options)
    before = [kernel.values() for kernel in selected_kernels(model)]
    fit(model, 2, [WeightClustering(8, begin=1, per_channel=False)])
    assert counts(model) == [8, 8, 8]
    assert all(
        np.any(kernel.values() != old)
        for kernel, old in zip(selected_kernels(model), before, strict=True)
    )


def test_mixed_precision_with_its_loss_scale():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = compiled(net(), "adam")
    finally:
        keras.mixed_precision.set_global_policy("float32")
    fit(model, 2, [WeightClustering(8, begin=1)])
    assert counts(model) == [8, 8, 8]


def test_channels_have_clusters_of_their_own():
    model = compiled(net())
    logs = fit(model, 1, [WeightClustering(4, "density", per_channel=True)])
    for kernel in selected_kernels(model):
        assert {len(np.unique(row)) for row in kernel.rows()} == {4}
    assert logs["distinct_values"] == [12]


def test_zeros_stay_zeros():
    model = compiled(net())
    prune(model)
    before = zeros(model)
    fit(model, 2, [WeightClustering(8)])
    assert zeros(model) == before
    assert counts(model) == [8, 8, 8]


def test_zeros_that_come_later_leave_their_clusters():
    model = compiled(net())
    fit(model, 1, [WeightClustering(8, keep_zeros=True)])
    prune(model)
    before = zeros(model)
    assert preserve(model, ["zeros"])
    fit(compiled(model))
    assert zeros(model) == before
    assert max(counts(model)) <= 8


def test_clusters_are_found_anew_when_asked():
    model = compiled(net(), keras.optimizers.Adam(0.02))
    kept = WeightClustering(8, frequency=2)
    fit(model, 2, [kept])
    first = _assignments(model)
    fit(model, 3, [kept])
    second = _assignments(model)
    assert any(np.any(a != b) for a, b in zip(first, second, strict=True))
    assert counts(model) == [8, 8, 8]


def test_clusters_stay_without_the_callback_until_they_are_stripped():
    model = compiled(net())
    fit(model, 1, [WeightClustering(8, "linear")])
    fit(model)
    assert max(counts(model)) <= 8
    assert tfedge.strip(model) is model
    assert len(model.weights) == len(net().weights)
    fit(compiled(model))
    assert min(counts(model)) > 60
    with pytest.raises(TfedgeError, match="not quantised"):
        tfedge.strip(model)


def test_a_constraint_of_the_users_holds_as_well():
    model = compiled(net())
    kernel = kernel_of(model, "scores").variable
    own = kernel.constraint = keras.constraints.NonNeg()
    fit(model, 1, [WeightClustering(8, layers=lambda layer: layer.name == "scores")])
    assert (kernel.numpy() >= 0).all()
    tfedge.strip(model)
    assert kernel.constraint is own


def test_after_training_the_callers_model_is_as_it_was():
    model = compiled(net())
    fit(model)
    before = model.get_weights()
    smaller = tfedge.clustering.cluster(model, 8)
    for old, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    assert counts(smaller) == [8, 8, 8]
    fit(compiled(smaller))
    assert counts(smaller) == [8, 8, 8]
    assert counts(tfedge.clustering.cluster(smaller, 4)) == [4, 4, 4]


def test_the_layer_is_saved_and_goes_on():
    inputs = keras.Input((8, 8, 2))
    x = tfedge.layers.Cluster(keras.layers.Conv2D(8, 3, name="first"), 8)(inputs)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    model = compiled(keras.Model(inputs, keras.layers.Dense(4, name="scores")(x)))
    fit(model)
    assert counts(model)[0] == 8
    copy = keras.models.model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(_first(copy), _first(model))
    fit(compiled(copy))
    assert counts(copy)[0] == 8
    assert tfedge.quantize(copy).report[0][:2] == ("first", "Conv2D")


def _first(model):
    return selected_kernels(model)[0].values()


def test_the_callback_comes_back_from_its_config():
    config = WeightClustering(
        8, "density", per_channel=True, layers=["a"], begin=2, frequency=3, keep_zeros=True, seed=4
    ).get_config()
    assert WeightClustering.from_config(config).get_config() == config


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"layers": ["scores", "none"]}, "no layer 'none'"),
        ({"layers": lambda layer: False}, "no kernels"),
        ({"begin": -1}, "begin"),
        ({"frequency": 0}, "frequency"),
    ],
)
def test_what_cannot_be_clustered_is_refused(arguments, words):
    with pytest.raises(TfedgeError, match=words):
        fit(compiled(net()), 1, [WeightClustering(8, **arguments)])


def test_models_that_are_no_plain_ones_are_refused():
    with pytest.raises(TfedgeError, match="Keras 3 model"):
        tfedge.clustering.cluster(object())
    with pytest.raises(TfedgeError, match="trains for integers"):
        tfedge.clustering.cluster(tfedge.quantize(net()))

    class Subclassed(keras.Model):
        def __init__(self, size):
            super().__init__()
            self.dense = keras.layers.Dense(size)

        def call(self, x):
            return self.dense(x)

    model = Subclassed(3)
    model.build((None, 4))
    with pytest.raises(UnsupportedError, match="WeightClustering"):
        tfedge.clustering.cluster(model)


def test_models_of_tf_keras_are_refused_in_one_line():
    tf_keras = pytest.importorskip("tf_keras")
    model = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    for callback in (WeightClustering(4), tfedge.callbacks.QuantizationAwareTraining()):
        with pytest.raises(TfedgeError, match="tensorflow_model_optimization") as caught:
            model.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0, callbacks=[callback])
        assert "\n" not in str(caught.value)
