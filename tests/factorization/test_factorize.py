from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

import tfedge
from tfedge.errors import DifferenceError, TfedgeError
from tfedge.factorization import Energy, factorize, factors, methods, thinning
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
    made = candidate.factorized(ranks)
    return _with_parts(model, [candidate], {id(candidate.layer): made}), candidate, made


@pytest.mark.parametrize("name", CASES)
def test_factors_compute_what_the_layer_would_with_their_product(name):
    make, shape, method = CASES[name]
    keras.utils.set_random_seed(1)  # of some kernels terms of CP cancel more than others'
    model = _of(shape, make(), "int32" if name == "embedding" else "float32")
    rng = np.random.default_rng(0)
    x = rng.integers(0, 20, (2, *shape)) if name == "embedding" else rng.normal(size=(2, *shape))
    x = x.astype(model.inputs[0].dtype)
    layer = model.layers[-1]
    full = METHODS[method].full(layer)
    if method == "cp":  # the rank of a tensor is at most the product of its smaller sizes
        full = (36,)
    for ranks, exact in ((full, True), (tuple(rank // 2 for rank in full), False)):
        thin, _, made = _thinned(model, method, ranks)
        before = np.asarray(model(x))
        weights = layer.get_weights()
        layer.set_weights([made.product, *weights[1:]])
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
    thin, candidate, made = _thinned(model, method, tuple(max(1, rank // 2) for rank in full))
    from tfedge.factorization.factors import cost_of as cost_of_parts

    assert cost_of_parts(made.parts).macs == cost_of(thin).total.macs
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


def _method(name, **changes):
    return {**METHODS, name: dataclasses.replace(METHODS[name], **changes)}


def _changed_kernel(change, at):
    """Parts of which one has another kernel of the same shape."""

    def mutant(name):
        def parts(layer, calls, factors):
            found = METHODS[name].parts(layer, calls, factors)
            found[at].kernel = change(found[at].kernel)
            return found

        return _method(name, parts=parts)

    return mutant


def _wide(**options):
    return layers.Conv2D(24, 3, padding="same", name="wide", **options)


def _no_bias(model, replaced, made):
    for layer in thinning._layers(model):
        if id(layer) not in replaced:
            made[id(layer)][-1].set_weights(layer.get_weights())


# What is wrong of the parts, with biases of 0 as layers are built.
FAULTS = {
    "factors the other way round": (
        "svd", lambda: layers.Dense(24, "relu", name="wide"), (24,),
        ("METHODS", lambda: _method("svd", factors=lambda layer, ranks: [
            factor.T for factor in METHODS["svd"].factors(layer, ranks)[::-1]])),
    ),
    "no bias": (
        "svd", lambda: layers.Dense(24, name="wide"), (24,), (None, lambda: _no_bias),
    ),
    "no activation": (
        "svd", lambda: layers.Dense(24, "tanh", name="wide"), (24,),
        ("_LAST", lambda: tuple(name for name in methods._LAST if name != "activation")),
    ),
    "rows for columns": (
        "tucker", _wide, (8, 8, 24),
        ("METHODS", lambda: _changed_kernel(lambda k: k.swapaxes(0, 1), 1)("tucker")),
    ),
    "channels for channels": (
        "cp", _wide, (8, 8, 24),
        ("METHODS", lambda: _changed_kernel(lambda k: k[..., ::-1], 0)("cp")),
    ),
    "one axis for another": (
        "tensor_train", _wide, (8, 8, 24),
        ("_along", lambda: lambda layer, calls, axis, core: _along(layer, calls, 1 - axis, core)),
    ),
}  # fmt: skip
_along = methods._along


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_parts_are_found(fault, monkeypatch):
    method, make, shape, (name, mutant) = FAULTS[fault]
    model = _of(shape, make())
    weights = model.get_weights()
    rank = {"wide": 4}
    factorize(model, rank, method=method)
    if name is None:
        monkeypatch.setattr(thinning, "_copy_others", mutant())
    else:
        module = factors if name == "METHODS" else methods
        monkeypatch.setattr(module, name, mutant())
    with pytest.raises(
        DifferenceError,
        match=r"factorize (would change .* from layer 'wide'|found factors of wide/)",
    ):
        factorize(model, rank, method=method)
    factorize(model, rank, method=method, check=False)
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_what_parts_cannot_have_is_refused():
    model = net()
    model.get_layer("fourth").enable_lora(2)
    learned = layers.Dense(24, layers.PReLU(), name="learned")
    other = _of((24,), learned)
    for one, name in ((model, "fourth"), (other, "learned")):
        with pytest.raises(TfedgeError, match=rf"'{name}' \(Dense\) cannot be factorised"):
            factorize(one, 4, layers=[name])
    assert factorize(other, 4).count_params() == other.count_params()


def test_tf_keras_models_are_refused():
    import tf_keras

    old = tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=(3,))])
    with pytest.raises(TfedgeError, match="build it with the layers of Keras 3"):
        factorize(old, 4)
