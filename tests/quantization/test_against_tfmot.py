"""TensorFlow Model Optimization as oracle where it works, and what it refuses that we do not."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from layer_cases import CASES

from tfedge.quantization.activation_quantizers import ActivationQuantizer
from tfedge.quantization.schemes import WeightScheme
from tfedge.quantization.weight_quantizers import AbsMax

tf_keras = pytest.importorskip("tf_keras")
tfmot = pytest.importorskip("tensorflow_model_optimization").quantization.keras
MovingAvgQuantize = pytest.importorskip(
    "tensorflow_model_optimization.python.core.quantization.keras.quant_ops"
).MovingAvgQuantize


def _rounded_by_tfmot(weights, bits, per_axis):
    """What tfmot's default weight quantizer multiplies with."""
    quantizer = tfmot.quantizers.LastValueQuantizer(
        num_bits=bits, per_axis=per_axis, symmetric=True, narrow_range=True
    )
    layer = tf_keras.layers.Layer()
    state = quantizer.build(weights.shape, "weights", layer)
    rounded = quantizer(tf.constant(weights), training=True, weights=state)
    return np.asarray(rounded), np.asarray(state["max_var"])


@pytest.mark.parametrize("per_axis", [True, False])
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("shape", [(3, 3, 4, 6), (12, 5)])
def test_weights_are_rounded_alike(shape, bits, per_axis):
    weights = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    ours = AbsMax(WeightScheme(bits=bits), per_axis, "weights")
    theirs, largest = _rounded_by_tfmot(weights, bits, per_axis)
    scale = ours.scale(weights).numpy()
    np.testing.assert_allclose(scale * ours.scheme.limit, largest.reshape(-1), rtol=1e-6)
    np.testing.assert_allclose(ours.fake_quantize(weights).numpy(), theirs, rtol=1e-5, atol=1e-6)


def test_ranges_move_and_round_alike():
    """From the same start, with the same decay: ours needs no start, theirs is -6 and 6."""
    data = np.random.default_rng(3).normal(0.5, 2, (5, 4, 7)).astype(np.float32)
    low, high = tf.Variable(-6.0), tf.Variable(6.0)
    ours = ActivationQuantizer(8, "activation")
    ours.low.assign(-6.0)
    ours.high.assign(6.0)
    ours.observations.assign(1000)  # for so long that every batch counts a hundredth
    for batch in data:
        theirs = MovingAvgQuantize(tf.constant(batch), low, high, ema_decay=0.99)
        ours.observe(tf.constant(batch))
        found = [bound.numpy() for bound in ours.range()]
        np.testing.assert_allclose(found, [low.numpy(), high.numpy()], rtol=1e-5)
        np.testing.assert_allclose(ours.fake_quantize(batch).numpy(), theirs, rtol=1e-5, atol=1e-6)


def _chain(shape, *layers):
    x = inputs = tf_keras.Input(shape)
    for layer in layers:
        x = layer(x)
    return tf_keras.Model(inputs, x)


def _nested():
    inner = tf_keras.Sequential([tf_keras.Input((10, 8, 4)), tf_keras.layers.Conv2D(6, 3)])
    return _chain((10, 8, 4), inner, tf_keras.layers.GlobalAveragePooling2D())


def _two(merge):
    a, b = tf_keras.Input((10, 8, 4)), tf_keras.Input((10, 8, 4))
    return tf_keras.Model([a, b], merge([a, b]))


def _attention():
    x = tf_keras.Input((12, 6))
    return tf_keras.Model(x, tf_keras.layers.MultiHeadAttention(2, 4)(x, x))


def _norm_after_add():
    x = tf_keras.Input((10, 8, 4))
    y = tf_keras.layers.Add()([tf_keras.layers.Conv2D(4, 1)(x), x])
    return tf_keras.Model(x, tf_keras.layers.BatchNormalization()(y))


def _arithmetic():
    x = tf_keras.Input((10, 8, 4))
    return tf_keras.Model(x, tf_keras.layers.Conv2D(4, 1)(x) + x)


class _Subclassed(tf_keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = tf_keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def _subclassed():
    model = _Subclassed()
    model.build((None, 12))
    return model


def _of_keras_3():
    return keras.Sequential([keras.Input((12,)), keras.layers.Dense(3)])


# What tfmot refuses, and the case of ours that shows that we do not.
REFUSED = {
    "a model of Keras 3": (_of_keras_3, "dense"),
    "Conv1D": (lambda: _chain((12, 6), tf_keras.layers.Conv1D(5, 3)), "conv1d"),
    "Multiply": (lambda: _two(tf_keras.layers.Multiply()), "multiply"),
    "PReLU": (lambda: _chain((10, 8, 4), tf_keras.layers.PReLU()), "prelu"),
    "BatchNormalization on its own": (_norm_after_add, "norm"),
    "LSTM": (lambda: _chain((12, 6), tf_keras.layers.LSTM(5)), "lstm"),
    "Bidirectional": (
        lambda: _chain((12, 6), tf_keras.layers.Bidirectional(tf_keras.layers.LSTM(5))),
        "lstm_both_ways",
    ),
    "TimeDistributed": (
        lambda: _chain((12, 6), tf_keras.layers.TimeDistributed(tf_keras.layers.Dense(3))),
        "time_distributed",
    ),
    "x + y": (_arithmetic, "arithmetic"),
    "Rescaling": (lambda: _chain((10, 8, 4), tf_keras.layers.Rescaling(0.5)), "rescaling"),
    "Embedding": (lambda: _chain((7,), tf_keras.layers.Embedding(5, 4)), "embedding"),
    "MultiHeadAttention": (_attention, "attention"),
    "a nested model": (_nested, "nested"),
    "a subclassed model": (_subclassed, "subclassed"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_tfmot_refuses_is_trained_here(what):
    model, ours = REFUSED[what]
    with pytest.raises((ValueError, RuntimeError, TypeError, AttributeError)):
        tfmot.quantize_model(model())
    assert ours in CASES  # which test_layers_on_their_grids trains and converts


def test_depthwise_weights_have_a_scale_for_every_channel():
    """tfmot gives a depthwise kernel one range in effect: its channels are not its last axis."""
    kernel = np.random.default_rng(2).normal(size=(3, 3, 4, 1)).astype(np.float32)
    kernel *= np.array([1, 0.1, 0.01, 3], np.float32).reshape(1, 1, 4, 1)
    _, largest = _rounded_by_tfmot(kernel, 8, per_axis=True)
    assert largest.size == 1
    flat = kernel.reshape(3, 3, 4)
    scale = AbsMax(WeightScheme(), True, "weights").scale(flat).numpy()
    np.testing.assert_allclose(scale * 127, np.abs(flat).max(axis=(0, 1)), rtol=1e-6)
