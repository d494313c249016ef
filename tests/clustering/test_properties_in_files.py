"""Zeros and clusters survive training for integers, files and conversion, exactly."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from bright_quarters import compiled
from clustered_nets import counts, data, fit, kernel_of, net, prune, zeros

import tfedge
from tfedge.callbacks import QuantizationAwareTraining, WeightClustering
from tfedge.errors import TfedgeError
from tfedge.keras_hooks import weights_alone
from tfedge.pruning.kernels import selected_kernels


def _cluster(model):
    fit(model, 1, [WeightClustering(8)])


def _cluster_with_a_place_for_zero(model):
    fit(model, 1, [WeightClustering(8, keep_zeros=True)])


CLUSTER_FIRST = "cluster, zero reserved"
STEPS = {"prune": prune, "cluster": _cluster, CLUSTER_FIRST: _cluster_with_a_place_for_zero}
ORDERS = [("prune", "cluster"), (CLUSTER_FIRST, "prune"), ("prune",), ("cluster",)]


@pytest.fixture(scope="module", params=ORDERS, ids="_".join)
def prepared(request):
    """A trained model, and how it was made smaller."""
    model = compiled(net())
    fit(model, 2)
    for step in request.param:
        STEPS[step](model)
    return model, request.param


def _from_file(model, folder):
    """The same plain model, which nothing but its weights tells what was done to it."""
    model.save(folder / "plain.keras")
    with weights_alone():  # as if something else had pruned and clustered
        return keras.models.load_model(folder / "plain.keras", compile=False)


def _require_kept(artifact, model, steps):
    """As many zeros and values in the file as the model has, and as were asked for."""
    rows = artifact.weights
    assert len(rows) == 3
    assert not any(row.broken for row in rows)
    if "cluster" in steps:
        assert [row.values for row in rows] == counts(model) == [8, 8, 8]
    if CLUSTER_FIRST in steps:
        assert [row.values for row in rows] == counts(model)
        assert max(counts(model)) <= 8
    if len(steps) == 2:
        assert [row.zeros for row in rows] == zeros(model)
    assert all(row.zeros >= count for row, count in zip(rows, zeros(model), strict=True))


def test_trained_for_integers(prepared, tmp_path):
    model, steps = prepared
    quantized = compiled(tfedge.quantize(_from_file(model, tmp_path)), keras.optimizers.SGD(0.05))
    before = zeros(model)
    fit(quantized, 2)
    assert zeros(quantized.float_model) == before or "prune" not in steps
    _require_kept(tfedge.convert(quantized), quantized.float_model, steps)


def test_converted_after_training(prepared):
    model, steps = prepared
    _require_kept(tfedge.convert(model, calibration=data()[0]), model, steps)


def test_trained_by_the_callback_with_both():
    model = compiled(net())
    fit(model)
    prune(model)
    before = zeros(model)
    fit(model, 3, [QuantizationAwareTraining(begin=1), WeightClustering(8, begin=1)])
    assert counts(model) == [8, 8, 8]
    assert zeros(model) == before
    _require_kept(tfedge.convert(model), model, ("prune", "cluster"))


def test_a_quantised_model_from_a_file_goes_on(tmp_path):
    model = compiled(tfedge.quantize(tfedge.clustering.cluster(net(), 8), "int8"))
    fit(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    first = [row.values for row in tfedge.convert(loaded).weights]
    fit(loaded)
    assert first == [row.values for row in tfedge.convert(loaded).weights] == [8, 8, 8]


def test_int4():
    model = compiled(tfedge.quantize(tfedge.clustering.cluster(net(), 6, initialization="linear"),
                                     "int4"))  # fmt: skip
    fit(model)
    artifact = tfedge.convert(model)
    assert [row.values for row in artifact.weights] == counts(model.float_model)


def test_what_is_not_asked_for_is_not_kept(tmp_path):
    model = net()
    prune(model)
    plain = _from_file(tfedge.clustering.cluster(model, 8), tmp_path)
    quantized = compiled(tfedge.quantize(plain, preserve=()))
    fit(quantized)
    assert min(counts(plain)) > 50
    with pytest.raises(TfedgeError, match="preserve"):
        tfedge.quantize(net(), preserve=["zero"])


def test_values_that_fall_on_one_integer_are_reported(caplog):
    model = net()
    kernel = kernel_of(model, "scores")
    values = np.resize(np.array([1.0, 0.5, 0.501, -0.25, 0.0], np.float32), kernel.variable.shape)
    kernel.variable.assign(values)
    artifact = tfedge.convert(model, calibration=data()[0])
    (row,) = (row for row in artifact.weights if row.operator == "FULLY_CONNECTED")
    assert (row.shared, row.values) == (5, 4)
    assert "5 values fell on 4 integers" in artifact.summary()
    assert "5 values fell on 4 integers" in caplog.text


def test_channels_with_values_of_their_own_keep_their_scales():
    model = tfedge.clustering.cluster(net(), 4, per_channel=True)
    artifact = tfedge.convert(model, calibration=data()[0])
    weights = artifact.model.main.operators[0].inputs[1]
    assert len(np.unique(weights.quantization.scale)) > 1
    assert {len(np.unique(channel)) for channel in weights.data} == {4}


def test_every_layout_of_kernels_is_recognised():
    layers = keras.layers
    keras.utils.set_random_seed(2)
    x = inputs = keras.Input((8, 8, 4))
    for layer in (
        layers.Conv2D(8, 3, groups=2),
        layers.SeparableConv2D(8, 3),
        layers.Conv2DTranspose(6, 3),
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        layers.Reshape((16, 12)),
        layers.Conv1D(8, 3),
        layers.MultiHeadAttention(2, 4),
        layers.Dense(6),
    ):
        attends = isinstance(layer, layers.MultiHeadAttention)
        x = layer(x, x) if attends else layer(x)
        if isinstance(layer, layers.DepthwiseConv2D | layers.Conv2D | layers.Conv2DTranspose):
            x = layers.BatchNormalization(gamma_initializer="random_uniform")(x)
    model = keras.Model(inputs, x)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.gamma.assign(np.random.default_rng(1).uniform(0.3, 2, layer.gamma.shape))
    model = tfedge.clustering.cluster(model, 8)
    images = np.random.default_rng(0).normal(size=(8, 8, 8, 4)).astype(np.float32)
    artifact = tfedge.convert(model, calibration=images, target="tflite-micro")
    rows = [row for row in artifact.weights if row.weights > 32]
    assert len(rows) >= 11
    assert {row.values for row in rows if row.shared} == {8}
    assert sum(row.shared == 8 for row in rows) == len(selected_kernels(model))


def test_models_of_tfmot_keep_their_zeros_and_clusters():
    tf_keras = pytest.importorskip("tf_keras")
    tfmot = pytest.importorskip("tensorflow_model_optimization")
    layers = tf_keras.layers
    tf_keras.utils.set_random_seed(1)
    x = inputs = tf_keras.Input((8, 8, 2))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, use_bias=False)(x)))
    model = tf_keras.Model(inputs, layers.Dense(4)(layers.Flatten()(x)))
    model.layers[2].set_weights([np.linspace(0.2, 3, 8), np.zeros(8), np.zeros(8), np.ones(8)])
    for layer in (model.layers[1], model.layers[5]):
        kernel, *rest = layer.get_weights()
        kernel[np.abs(kernel) < np.quantile(np.abs(kernel), 0.6)] = 0
        layer.set_weights([kernel, *rest])
    start = tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS
    model = tfmot.clustering.keras.cluster_weights(
        model, number_of_clusters=16, cluster_centroids_init=start, preserve_sparsity=True
    )
    model.compile("adam", tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(*data(), verbose=0)
    stripped = tfmot.clustering.keras.strip_clustering(model)
    kernels = [np.array(w) for w in stripped.get_weights() if w.ndim > 1]
    rows = tfedge.convert(stripped, calibration=data()[0]).weights
    assert [row.zeros for row in rows] == [int((kernel == 0).sum()) for kernel in kernels]
    assert [row.values for row in rows] == [len(np.unique(kernel)) for kernel in kernels]
    assert max(row.values for row in rows) <= 16
