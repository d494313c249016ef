"""What a file computes is compared with the model, whatever kind of model it was made from."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfedge
from tfedge.errors import DifferenceError, UnsupportedError
from tfedge_converters.export import keras_model
from tfedge_converters.export.lowering import lower
from tfedge_converters.graph import read_model, write_model

FLOAT = {"target": "tflite", "quantization": "float32"}


def alone(x):
    return tf.nn.softmax(x, axis=-1)


def over_the_batch(x):
    return x - tf.reduce_mean(x, axis=0, keepdims=True)


def subclass(framework):
    """A model of Keras' or of tf_keras' that only its code describes."""

    class Subclassed(framework.Model):
        def __init__(self, function):
            super().__init__()
            self.dense = framework.layers.Dense(8)
            self.function = function

        def call(self, x):
            return self.function(self.dense(x))

    return Subclassed


Subclassed, OlderSubclassed = subclass(keras), subclass(tf_keras)


class Served(tf.Module):
    def __init__(self, function, batch=None):
        super().__init__()
        self.kernel = tf.Variable(tf.random.stateless_normal((6, 8), (1, 2)))
        signature = [tf.TensorSpec((batch, 6), tf.float32, name="x")]
        self.serve = tf.function(lambda x: {"y": function(x @ self.kernel)}, signature)


def subclassed(function, folder):
    model = Subclassed(function)
    model(np.zeros((3, 6), np.float32))
    return model


def older(function, folder):
    x = tf_keras.Input((6,))
    return tf_keras.Model(x, tf_keras.layers.Lambda(function)(tf_keras.layers.Dense(8)(x)))


def older_subclassed(function, folder):
    model = OlderSubclassed(function)
    model.predict(np.zeros((3, 6), np.float32), verbose=0)
    return model


def saved(function, folder):
    module = Served(function)
    tf.saved_model.save(module, str(folder / "net"), signatures=module.serve)
    return folder / "net"


KINDS = [subclassed, older, older_subclassed, saved]


@pytest.mark.parametrize("kind", KINDS)
def test_what_computes_over_the_batch_is_refused(kind, tmp_path):
    tfedge.convert(kind(alone, tmp_path), **FLOAT)
    with pytest.raises(UnsupportedError, match="depends on the other samples of its batch"):
        tfedge.convert(kind(over_the_batch, tmp_path), **FLOAT)


def test_a_batch_of_one_is_all_there_is(tmp_path):
    module = Served(over_the_batch, batch=1)
    tf.saved_model.save(module, str(tmp_path / "net"), signatures=module.serve)
    one = Subclassed(over_the_batch)
    one(np.zeros((1, 6), np.float32))
    for model in (tmp_path / "net", one):
        tfedge.convert(model, **FLOAT)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_is_lowered_wrongly_is_refused(kind, tmp_path, monkeypatch):
    def lowered_wrongly(trace):
        model = read_model(lower(trace))
        for operator in model.main.operators:
            if operator.code == "FULLY_CONNECTED":
                operator.inputs[1].data = operator.inputs[1].data[::-1].copy()
        return write_model(model)

    monkeypatch.setattr(keras_model, "lower", lowered_wrongly)
    with pytest.raises(DifferenceError, match="the exported model would not compute what model '"):
        tfedge.convert(kind(alone, tmp_path), **FLOAT)
    tfedge.convert(kind(alone, tmp_path), **FLOAT, check=False)


def test_arguments_and_outputs_are_told_apart_by_their_names(tmp_path):
    class Pair(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec((None, 4), tf.float32, name="b"),
                tf.TensorSpec((None, 4), tf.int32, name="a"),
            ]
        )
        def serve(self, b, a):
            return {"z": b - tf.cast(a, tf.float32), "y": b * 2.0}

    module = Pair()
    tf.saved_model.save(module, str(tmp_path / "net"), signatures=module.serve)
    tfedge.convert(tmp_path / "net", **FLOAT)


def test_what_rounds_to_trained_grids_is_its_trainings_affair(tmp_path):
    tfmot = pytest.importorskip("tensorflow_model_optimization")
    x = tf_keras.Input((6,))
    net = tf_keras.Model(x, tf_keras.layers.Dense(5)(tf_keras.layers.Dense(8)(x)))
    trained = tfmot.quantization.keras.quantize_model(net)
    trained.compile("sgd", "mse")
    trained.fit(np.random.default_rng(0).normal(size=(64, 6)), np.zeros((64, 5)), verbose=0)
    tfedge.convert(trained, target="tflite")
    tf.saved_model.save(trained, str(tmp_path / "net"))
    tfedge.convert(tmp_path / "net", target="tflite")
