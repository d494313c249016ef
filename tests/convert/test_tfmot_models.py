"""Models that tfmot has trained: quantisation-aware, pruned and clustered."""

from __future__ import annotations

import numpy as np
import pytest

import tfedge
from tfedge_converters.graph import read_model

tf = pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")
tfmot = pytest.importorskip("tensorflow_model_optimization")

layers = tf_keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(128, 8, 8, 3)).astype(np.float32)
Y = RNG.integers(0, 4, 128)


def net():
    tf_keras.utils.set_random_seed(2)
    inputs = tf_keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.Add()([x, layers.Conv2D(8, 1)(x)])
    x = layers.Dense(4)(layers.GlobalAveragePooling2D()(x))
    return tf_keras.Model(inputs, layers.Softmax()(x))


def trained(model, callbacks=(), epochs=3):
    model.compile(tf_keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(X, Y, epochs=epochs, verbose=0, callbacks=list(callbacks))
    return model


@pytest.fixture(scope="module")
def quantised():
    return trained(tfmot.quantization.keras.quantize_model(net()))


def by_tensorflow(model):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return read_model(converter.convert()).main


def constants(graph):
    """Integers and grids of weights and biases by the operator that reads them."""
    return [
        (operator.code, index, tensor.type, tensor.data.tobytes(), tensor.quantization)
        for operator in graph.operators
        for index, tensor in enumerate(operator.inputs)
        if tensor is not None and tensor.is_constant and tensor.quantization is not None
    ]


def test_quantisation_aware_models_are_what_tensorflow_makes_of_them(quantised):
    """Every integer and every scale, without calibration; biases' scales to within rounding."""
    artifact = tfedge.convert(
        quantised, target="tflite", input_type="float32", output_type="float32"
    )
    ours, theirs = artifact.model.main, by_tensorflow(quantised)
    assert [op.code for op in ours.operators] == [op.code for op in theirs.operators]
    for a, b in zip(ours.operators, theirs.operators, strict=True):
        grids = [operator.outputs[0].quantization for operator in (a, b)]
        assert grids == [None, None] or grids[0].same_as(grids[1]), a.code
    pairs = list(zip(constants(ours), constants(theirs), strict=True))
    assert len(pairs) == 8
    for mine, other in pairs:
        assert mine[:4] == other[:4]
        rounding = 2e-7 if mine[2].name == "INT32" else 0
        np.testing.assert_allclose(mine[4].scale, other[4].scale, rtol=rounding)


def test_a_saved_quantisation_aware_model_is_opened_as_it_was(quantised, tmp_path):
    expected = tfedge.convert(quantised, target="tflite").model.main
    quantised.save(tmp_path / "qat.h5")
    loaded = tfedge.convert(tmp_path / "qat.h5", target="tflite").model.main
    for mine, other in zip(constants(loaded), constants(expected), strict=True):
        assert mine[:4] == other[:4]
        assert mine[4].same_as(other[4])


def test_generated_c_computes_what_quantisation_aware_training_promised(quantised):
    artifact = tfedge.convert(quantised, target="host")
    assert tfedge.verify(artifact.model, samples=20).passed


def pruned():
    schedule = tfmot.sparsity.keras.ConstantSparsity(0.5, 0, frequency=1)
    model = tfmot.sparsity.keras.prune_low_magnitude(net(), schedule)
    return trained(model, [tfmot.sparsity.keras.UpdatePruningStep()])


def clustered():
    method = tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS
    wrapped = tfmot.clustering.keras.cluster_weights(
        net(), number_of_clusters=4, cluster_centroids_init=method
    )
    return trained(wrapped)


def strip(model):
    for name in ("sparsity.keras.strip_pruning", "clustering.keras.strip_clustering"):
        part = tfmot
        for step in name.split("."):
            part = getattr(part, step)
        model = part(model)
    return model


@pytest.mark.parametrize("build", [pruned, clustered])
def test_wrappers_are_taken_out_with_one_message(build, caplog):
    model = build()
    before = model.predict(X, verbose=0)
    layers_before = [type(layer).__name__ for layer in model.layers]
    with caplog.at_level("INFO", logger="absl"):
        artifact = tfedge.convert(model, target="tflite", quantization="float32")
    messages = [record.getMessage() for record in caplog.records]
    assert len([message for message in messages if "taking out tfmot's" in message]) <= 1
    assert [type(layer).__name__ for layer in model.layers] == layers_before
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)
    expected = tfedge.convert(strip(model), target="tflite", quantization="float32")
    weights = [
        [tensor.data for tensor in item.model.main.tensors() if tensor.is_constant]
        for item in (artifact, expected)
    ]
    assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))


def test_pruned_and_clustered_weights_stay_so_in_the_file():
    largest = {pruned: lambda data: np.mean(data == 0) > 0.4, clustered: few_values}
    for build, holds in largest.items():
        artifact = tfedge.convert(build(), target="tflite", quantization="float32")
        weights = [
            tensor.data
            for operator in artifact.model.main.operators
            if operator.code in ("CONV_2D", "FULLY_CONNECTED")
            for tensor in operator.inputs[1:2]
        ]
        assert all(map(holds, weights))


def few_values(data):
    """Folding a batch-norm scales each channel, so that values count by channel."""
    return all(len(np.unique(channel)) <= 4 for channel in data)
