from __future__ import annotations

import keras
import numpy as np
import pytest

import tfedge
from tfedge.errors import TfedgeError
from tfedge.factorization import Energy, factorize
from tfedge.factorization.methods import METHODS
from tfedge.pruning import compare, cost_of

layers = keras.layers


def _of(shape, layer, dtype="float32"):
    i = keras.Input(shape, dtype=dtype)
    return keras.Model(i, layer(i))


def _conv2(**options):
    return layers.Conv2D(12, 3, bias_initializer="normal", name="wide", **options)


# Layer, input, method; every option that factors have to carry on.
CASES = {
    "dense": (
        lambda: layers.Dense(12, "relu", bias_initializer="normal", name="wide"), (9,), "svd",
    ),
    "dense on series": (lambda: layers.Dense(12, use_bias=False, name="wide"), (5, 9), "svd"),
    "pointwise": (
        lambda: layers.Conv2D(12, 1, 2, "same", bias_initializer="normal", name="wide"),
        (7, 8, 9), "svd",
    ),
    "embedding": (lambda: layers.Embedding(20, 12, name="wide"), (5,), "svd"),
    "tucker": (lambda: _conv2(padding="same", activation="tanh"), (8, 7, 9), "tucker"),
    "tucker, strides": (lambda: _conv2(padding="same", strides=2), (8, 7, 9), "tucker"),
    "tucker, dilation": (lambda: _conv2(dilation_rate=2), (8, 7, 9), "tucker"),
    "tucker, causal": (
        lambda: layers.Conv1D(12, 3, padding="causal", bias_initializer="normal", name="wide"),
        (8, 9), "tucker",
    ),
    "cp": (lambda: _conv2(padding="same"), (8, 7, 4), "cp"),
    "cp, strides": (lambda: _conv2(padding="same", strides=2), (8, 7, 4), "cp"),
    "cp, dilation": (lambda: _conv2(dilation_rate=2), (8, 7, 4), "cp"),
    "train": (lambda: _conv2(padding="same", strides=(2, 3)), (8, 7, 9), "tensor_train"),
    "train, dilation": (lambda: _conv2(dilation_rate=(1, 2)), (8, 7, 9), "tensor_train"),
    "train, series": (
        lambda: layers.Conv1D(12, 3, 2, bias_initializer="normal", name="wide"), (8, 9),
        "tensor_train",
    ),
}  # fmt: skip


def _thinned(model, method, ranks):
    """The model with factors of given ranks, whether they save anything or not."""
    from tfedge.factorization.factors import candidates
    from tfedge.factorization.thinning import _with_parts
    from tfedge.keras_graph.computation import computation_of

    (candidate,) = candidates(computation_of(model), ["wide"], method)
    return _with_parts(model, {id(candidate.layer): candidate.parts(ranks)}), candidate


@pytest.mark.parametrize("name", CASES)
def test_factors_compute_what_the_layer_would_with_their_product(name):
    make, shape, method = CASES[name]
    model = _of(shape, make(), "int32" if name == "embedding" else "float32")
    rng = np.random.default_rng(0)
    x = rng.integers(0, 20, (2, *shape)) if name == "embedding" else rng.normal(size=(2, *shape))
    x = x.astype(model.inputs[0].dtype)
    layer = model.layers[-1]
    full = METHODS[method].full(layer)
    if method == "cp":  # the rank of a tensor is at most the product of its smaller sizes
        full = (36,)
    for ranks, exact in ((full, True), (tuple(rank // 2 for rank in full), False)):
        thin, candidate = _thinned(model, method, ranks)
        before = np.asarray(model(x))
        weights = layer.get_weights()
        product = candidate.method.product(layer, ranks).reshape(weights[0].shape)
        layer.set_weights([product, *weights[1:]])
        # Terms of CP cancel one another, so sums in float32 round far from their result.
        np.testing.assert_allclose(thin(x), model(x), rtol=1e-4, atol=1e-4)
        layer.set_weights(weights)
        if exact:
            np.testing.assert_allclose(thin(x), before, rtol=1e-4, atol=1e-4)
        else:
            assert np.abs(np.asarray(thin(x)) - before).max() > 1e-3
        assert thin.layers[-1].name == "wide"


@pytest.mark.parametrize("name", CASES)
def test_costs_that_decide_are_those_of_the_layers(name):
    make, shape, method = CASES[name]
    model = _of(shape, make(), "int32" if name == "embedding" else "float32")
    full = METHODS[method].full(model.layers[-1])
    thin, candidate = _thinned(model, method, tuple(max(1, rank // 2) for rank in full))
    from tfedge.factorization.factors import cost_of as cost_of_parts

    parts = candidate.parts(tuple(max(1, rank // 2) for rank in full))
    assert cost_of_parts(parts).macs == cost_of(thin).total.macs
    assert candidate.cost.macs == cost_of(model).total.macs


def net():
    """Kernels of low rank with a little noise, as training leaves them at best."""
    keras.utils.set_random_seed(0)
    i = keras.Input((8, 8, 3))
    x = layers.ReLU()(layers.Conv2D(16, 3, padding="same", name="first")(i))
    x = layers.ReLU()(layers.Conv2D(32, 3, padding="same", name="second")(x))
    x = layers.ReLU()(layers.Conv2D(32, 1, name="third")(x))
    x = layers.Dense(32, "relu", name="fourth")(layers.Flatten()(layers.MaxPooling2D(2)(x)))
    model = keras.Model(i, layers.Dense(4, name="scores")(x), name="net")
    rng = np.random.default_rng(0)
    for name in ("second", "third", "fourth"):
        kernel, bias = model.get_layer(name).get_weights()
        rows = kernel.reshape(-1, kernel.shape[-1])
        low = rng.normal(size=(len(rows), 4)) @ rng.normal(size=(4, rows.shape[1]))
        low *= rows.std() / low.std()
        noisy = low + 0.02 * rows.std() * rng.normal(size=rows.shape)
        model.get_layer(name).set_weights([noisy.reshape(kernel.shape), bias])
    return model


X = np.random.default_rng(1).normal(size=(32, 8, 8, 3)).astype(np.float32)


@pytest.mark.parametrize("rank", ["vbmf", "99% energy", Energy(0.99), 4, {"fourth": 4}])
def test_low_ranks_are_found_and_the_model_stays(rank):
    model = net()
    weights, config = model.get_weights(), model.to_json()
    layers_of_low_rank = None if isinstance(rank, dict) else ["second", "third", "fourth"]
    thin = factorize(model, rank, layers=layers_of_low_rank)
    before, after = np.asarray(model(X)), np.asarray(thin(X))
    assert thin.count_params() < 0.6 * model.count_params()
    if rank != 4:  # which cuts the second layer's inputs too
        assert ((before - after) ** 2).mean() < 0.1 * before.var()
    assert thin.get_layer("fourth_factor_1").units == 4
    assert config == model.to_json()
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("budget", ["50% macs", "40% parameters"])
def test_budgets_are_met_where_it_hurts_least(budget):
    model = net()
    thin = factorize(model, budget, calibration=X)
    before, after = cost_of(model).total, cost_of(thin).total
    assert after.macs <= 0.5 * before.macs or after.parameters <= 0.4 * before.parameters
    outputs = np.asarray(model(X))
    assert ((outputs - np.asarray(thin(X))) ** 2).mean() < 0.1 * outputs.var()
    assert "fourth" in str(compare(model, thin))


def test_what_saves_nothing_stays():
    model = net()
    thin = factorize(model, 30, layers=["third", "scores"])
    assert [layer.name for layer in thin.layers] == [layer.name for layer in model.layers]
    np.testing.assert_array_equal(thin(X), model(X))


def test_the_model_saves_trains_and_becomes_exact_c(tmp_path):
    thin = factorize(net(), "95% energy", method=lambda layer: "cp" if layer.name == "second" else
                     "tensor_train" if layer.name == "first" else "svd")  # fmt: skip
    thin.save(tmp_path / "thin.keras")
    loaded = keras.models.load_model(tmp_path / "thin.keras")
    np.testing.assert_array_equal(thin(X), loaded(X))
    loaded.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = loaded.fit(X, np.arange(32) % 4, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    tfedge.convert(loaded, calibration=X).save(tmp_path)
    assert tfedge.verify(tmp_path / "net.tflite").passed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rank": "50% macs"}, "give calibration"),
        ({"rank": "50% ram", "calibration": X}, "macs or parameters"),
        ({"rank": "1% macs", "calibration": X}, "at least .* remain"),
        ({"rank": 4, "layers": ["forth"]}, "did you mean 'fourth'"),
        ({"rank": 4, "layers": ["scores"], "method": "cp"}, "cannot be factorised"),
        ({"rank": 4, "method": "qr"}, "method is"),
        ({"rank": "half"}, "a rank is"),
        ({"rank": 4, "multiple_of": 0}, "multiple_of"),
    ],
)
def test_mistakes_are_told(arguments, message):
    with pytest.raises(TfedgeError, match=message):
        factorize(net(), **arguments)


def test_tf_keras_models_are_refused():
    import tf_keras

    old = tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=(3,))])
    with pytest.raises(TfedgeError, match="build it with the layers of Keras 3"):
        factorize(old, 4)
