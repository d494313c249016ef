"""Models that compute in 16 bit floats are exported as their float32 twins."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tf_keras

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters.export import export_keras
from tfedge_converters.graph import TensorType, read_model

POLICIES = ["mixed_float16", "float16", "mixed_bfloat16", "bfloat16"]


def _network(module, policy):
    """A nested model, so that the inner model's own input has a dtype too."""
    layers = module.layers
    inner = module.Sequential(
        [layers.Conv2D(4, 3, dtype=policy), layers.BatchNormalization(dtype=policy)]
    )
    x = module.Input((8, 8, 3), name="x")
    y = layers.GlobalAveragePooling2D(dtype=policy)(layers.ReLU(dtype=policy)(inner(x)))
    return module.Model(x, layers.Dense(3, dtype=policy, name="out")(y))


def _state(model):
    """Everything that an export could leave changed."""
    return [
        (layer.name, layer.dtype_policy.name, layer.compute_dtype, layer.variable_dtype)
        for layer in model._flatten_layers()
    ] + [str(tensor.dtype) for layer in model._flatten_layers() for tensor in _inputs(layer)]


def _inputs(layer):
    return layer.inputs if isinstance(layer, keras.Model) else []


@pytest.mark.parametrize("module", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("policy", POLICIES)
def test_the_twin_has_the_weights_and_computes_in_float32(module, policy, run_litert):
    model = _network(module, policy)
    twin = _network(module, "float32")
    weights = [np.asarray(weight, np.float32) for weight in model.get_weights()]
    twin.set_weights(weights)
    x = np.random.default_rng(1).normal(size=(1, 8, 8, 3)).astype(np.float32)
    before = np.asarray(model(x))
    data = export_keras(model)
    types = {tensor.type for tensor in read_model(data).main.tensors()}
    assert types <= {TensorType.FLOAT32, TensorType.INT32}
    (result,) = run_litert(data, x)
    np.testing.assert_allclose(result, twin(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(model(x)), before)
    for weight, now in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, np.asarray(now, np.float32))


@pytest.mark.parametrize("policy", POLICIES)
def test_the_model_is_as_it_was(policy):
    model = _network(keras, policy)
    before = _state(model)
    export_keras(model)
    assert _state(model) == before


class Fails(keras.layers.Layer):
    def call(self, x):
        if x.shape[0] == 1:  # as in an export, not while the model is made
            raise RuntimeError("no such luck")
        return x


def test_the_model_is_as_it_was_after_an_error():
    x = keras.Input((4,), dtype="float16")
    model = keras.Model(x, Fails(dtype="float16")(keras.layers.Dense(2, dtype="float16")(x)))
    before = _state(model)
    with pytest.raises(TfedgeError, match=r"Fails\.call\(\): RuntimeError: no such luck"):
        export_keras(model)
    assert _state(model) == before


def test_a_declared_float16_input_takes_float32(run_litert):
    model = keras.Sequential([keras.layers.Dense(2, dtype="float16", name="out")])
    model.build((None, 4))
    data = export_keras(model)
    fine = np.full((1, 4), 1 + 2**-14, np.float32)  # between two float16 numbers
    kernel, bias = (np.asarray(weight, np.float32) for weight in model.get_weights())
    (result,) = run_litert(data, fine)
    np.testing.assert_allclose(result, fine @ kernel + bias, rtol=1e-6)


class CastsAnyway(keras.layers.Layer):
    def call(self, x):
        return keras.ops.cast(keras.ops.exp(keras.ops.cast(x, "float16")), "float32")


def test_a_layer_that_insists_on_float16_is_named():
    model = keras.Sequential([keras.Input((4,)), CastsAnyway(name="stubborn")])
    with pytest.raises(UnsupportedError, match=r"stubborn.*float16"):
        export_keras(model)


def test_what_numpy_makes_float64_of_is_computed_in_float32(run_litert):
    """Arrays of numpy are float64 unless somebody says otherwise, and Keras follows them."""
    x = keras.Input((4,))
    y = (x - np.array([0.4, 0.5, 0.6, 0.7])) / np.linspace(0.2, 0.3, 4)
    model = keras.Model(x, keras.ops.relu(keras.ops.matmul(y, np.eye(4))))
    sample = np.random.default_rng(0).normal(size=(1, 4)).astype(np.float32)
    (found,) = run_litert(export_keras(model), sample)
    np.testing.assert_allclose(found, model(sample), rtol=1e-5)


def test_a_layer_that_insists_on_float64_is_named():
    x = keras.Input((4,))
    model = keras.Model(x, keras.ops.exp(keras.ops.cast(x, "float64")))
    with pytest.raises(UnsupportedError, match="computes in float64, which no device does"):
        export_keras(model)
