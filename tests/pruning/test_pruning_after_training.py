"""Pruning in one call: the caller's model stays, and layers keep giving what they gave."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from bright_quarters import compiled
from pruning_cases import data, fit, net

import tfedge
from tfedge.errors import TfedgeError
from tfedge.pruning import kernels, layer_inputs, named_patterns, reconstruction
from tfedge.pruning.kernels import kernels_of
from tfedge.pruning.selection import largest


@pytest.fixture(scope="module")
def trained():
    model = compiled(net(), "adam")
    fit(model, epochs=8)
    return model


LAYERS = {
    "dense": (keras.layers.Dense(5), (3, 7)),
    "conv": (keras.layers.Conv2D(4, (3, 2), strides=2, padding="same"), (7, 6, 3)),
    "conv in groups": (keras.layers.Conv2D(6, 3, groups=2, dilation_rate=2), (9, 9, 4)),
    "conv1d": (keras.layers.Conv1D(4, 3, padding="causal", dilation_rate=2), (9, 3)),
    "depthwise": (keras.layers.DepthwiseConv2D(3, depth_multiplier=2), (7, 7, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_columns_times_weights_are_the_layers_results(name):
    layer, shape = LAYERS[name]
    layer.use_bias = False
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    wanted = layer(x).numpy()
    (kernel,) = kernels_of(layer)
    matrix = kernel.layout.matrix(kernel.variable.numpy())
    columns = np.asarray(layer_inputs.columns_of(layer)(layer, x))
    parts = matrix.reshape(len(columns), -1, matrix.shape[1])
    got = np.einsum("gsr,gor->sgo", columns, parts).reshape(wanted.shape)
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    model = keras.Sequential([keras.Input(shape), layer])
    moments = layer_inputs.moments_of((model, layer), (model, layer), [x])
    plain = np.einsum("gsi,gsj->gij", columns, columns)
    wanted = reconstruction.Moments(plain, plain).damped()
    np.testing.assert_allclose(moments.now, wanted.now, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(moments.now, moments.before)


def test_reconstruction_is_the_best_that_the_mask_allows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 12)) @ rng.normal(size=(12, 12))
    weights = rng.normal(size=(5, 12))

    def choose(scores, sparsity):
        return largest(scores.reshape(1, -1), round(60 * (1 - sparsity))).reshape(5, 12)

    seen = (x.T @ x)[np.newaxis]
    moments = reconstruction.Moments(seen, seen).damped()
    found, mask = reconstruction.reconstruct(weights, moments, choose, 0.5)
    assert mask.sum() == 30
    assert not found[~mask].any()
    best = np.zeros_like(weights)
    for row, support in enumerate(mask):
        best[row, support] = np.linalg.lstsq(x[:, support], x @ weights[row], rcond=None)[0]
    error, least = (np.square(x @ (w - weights).T).sum() for w in (found, best))
    smallest = choose(np.abs(weights), 0.5)
    by_magnitude = np.square(x @ (np.where(smallest, weights, 0) - weights).T).sum()
    assert least <= error < 1.02 * least < by_magnitude / 3


@pytest.mark.parametrize("pattern", ["unstructured", "2:4", "4x1", "channels"])
def test_one_call_prunes_a_copy(trained, pattern):
    x, _ = data()
    before = trained.get_weights()
    calibrated = tfedge.pruning.prune(trained, 0.5, pattern, calibration=x)
    by_magnitude = tfedge.pruning.prune(trained, 0.5, pattern)
    for old, now in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    assert not tfedge.pruning.masks_of(trained)
    errors = []
    for model in (calibrated, by_magnitude):
        kernel = model.get_layer("second").kernel.numpy()
        assert (kernel == 0).sum() == kernel.size // 2
        for path, mask in tfedge.pruning.masks_of(model).items():
            (variable,) = (v for v in model.weights if v.path == path)
            assert not variable.numpy()[~mask].any()
        errors.append(np.square(model.predict(x, verbose=0) - trained.predict(x, verbose=0)).mean())
    assert errors[0] < errors[1]
    matrix = calibrated.get_layer("second").kernel.numpy().reshape(-1, 16).T != 0
    groups = named_patterns.get(pattern).groups(matrix.astype(float))
    if pattern != "2:4":
        assert set(np.unique(groups)) <= {0.0, 1.0}
    else:
        assert (groups.sum(axis=1) == 2).all()


def test_other_kinds_lose_their_smallest_weights():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((6, 20)), keras.layers.LSTM(16), keras.layers.Dense(32), keras.layers.Dense(3)]
    )
    x = np.random.default_rng(0).normal(size=(50, 6, 20)).astype(np.float32)
    pruned = tfedge.pruning.prune(model, 0.75, calibration=x, distribution="erk")
    zeros = sum((mask == 0).sum() for mask in tfedge.pruning.masks_of(pruned).values())
    size = sum(mask.size for mask in tfedge.pruning.masks_of(pruned).values())
    assert abs(zeros - 0.75 * size) <= 2
    cell, original = pruned.layers[0].cell.kernel.numpy(), model.layers[0].cell.kernel.numpy()
    np.testing.assert_array_equal(cell[cell != 0], original[cell != 0])


def test_zeros_stay_while_the_copy_trains(trained):
    pruned = compiled(tfedge.pruning.prune(trained, 0.5, calibration=data()[0]))
    fit(pruned, epochs=1)
    kernel = pruned.get_layer("second").kernel.numpy()
    assert (kernel == 0).sum() == kernel.size // 2


def test_what_cannot_be_pruned_is_refused(trained):
    with pytest.raises(TfedgeError, match="quantised already"):
        tfedge.pruning.prune(tfedge.quantize(trained), 0.5)
    with pytest.raises(TfedgeError, match="a Keras 3 model is needed"):
        tfedge.pruning.prune("model.keras", 0.5)
    with pytest.raises(TfedgeError, match="from 0 to below 1"):
        tfedge.pruning.prune(trained, 50)


class Negative(keras.layers.Dense):
    """No Dense: what its kernel is, its code alone knows."""

    def call(self, x):
        return -super().call(x)


def test_layers_of_a_users_own_are_pruned_once_they_are_registered():
    i = keras.Input((20,))
    model = keras.Model(i, keras.layers.Dense(4)(Negative(32, name="own")(i)))
    with pytest.raises(TfedgeError, match=r"'own' \(Negative\) has no kernels"):
        tfedge.pruning.prune(model, 0.5, layers="own")
    tfedge.pruning.register(Negative, lambda layer: {"kernel": kernels.Layout((1,), (0,))})
    kernel = tfedge.pruning.prune(model, 0.5, layers="own").get_layer("own").kernel.numpy()
    assert (kernel == 0).mean() == 0.5


def test_a_bias_goes_with_outputs_only_where_it_is_theirs():
    i = keras.Input((6, 16, 16))
    x = keras.layers.EinsumDense("abcd,def->abcef", (6, 16, 4, 4), bias_axes="f", name="few")(i)
    x = keras.layers.Reshape((6, 16, 16))(x)
    x = keras.layers.SeparableConv2D(32, 5, name="parted")(x)
    model = keras.Model(i, keras.layers.Dense(2)(keras.layers.BatchNormalization()(x)))
    pruned = tfedge.pruning.prune(model, 0.5, "channels", layers=["few", "parted"])
    masks = {path.split("/", 1)[1]: mask for path, mask in tfedge.pruning.masks_of(pruned).items()}
    assert masks.keys() == {
        "kernel", "depthwise_kernel", "pointwise_kernel", "bias", "gamma", "beta",
    }  # fmt: skip
    np.testing.assert_array_equal(masks["bias"], masks["pointwise_kernel"].any(axis=(0, 1, 2)))


def test_columns_are_of_layers_that_are_read_whole():
    channels_first = keras.layers.Conv2D(4, 3, data_format="channels_first")
    adapted = keras.layers.Dense(4)
    adapted.build((None, 8))
    assert layer_inputs.columns_of(adapted) is not None
    adapted.enable_lora(2)
    assert layer_inputs.columns_of(channels_first) is layer_inputs.columns_of(adapted) is None
