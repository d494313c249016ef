"""A batch-norm that belongs to the layer in front of it."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfedge.keras_graph.float32 import run_in_float32


def factor_and_offset(layer: Any, dtype: Any = tf.float32) -> tuple[Any, Any]:
    """Return the factor and the offset of each channel in inference: (channels,) of `dtype`.

    Integers that are made of them want float64: compilers arrange float32 operations as they
    like, and the last bit decides a rounding sooner or later.
    """
    mean = tf.cast(layer.moving_mean.value, dtype)
    variance = tf.cast(layer.moving_variance.value, dtype)
    factor = 1.0 / tf.sqrt(variance + layer.epsilon)
    if layer.scale:
        factor *= tf.cast(layer.gamma.value, dtype)
    offset = -mean * factor
    return factor, offset + tf.cast(layer.beta.value, dtype) if layer.center else offset


def normalize_batch(layer: Any, x: Any, mask: Any = None) -> Any:
    """`x` normalised by the statistics of its batch, which the layer records.

    One fused operation where Keras has several: that alone saves a quarter of the step of a
    convolutional net on TensorFlow.

    Args:
        layer: a Keras BatchNormalization, along whatever axis.
        x: float32, channels last.
        mask: booleans, of what counts in the statistics, in the order of the layer's own axes.
    """
    if mask is not None or layer.synchronized or getattr(layer, "renorm", False):
        return _by_keras(layer, x, mask)
    channels = x.shape[-1]
    count = tf.cast(tf.size(x) // channels, tf.float32)
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=_four_dimensional(x),
        scale=layer.gamma.value if layer.scale else tf.ones(channels),
        offset=layer.beta.value if layer.center else tf.zeros(channels),
        mean=tf.zeros(0),
        variance=tf.zeros(0),
        epsilon=layer.epsilon,
        is_training=True,
    )
    # The fused operation returns the unbiased variance; Keras records the biased one.
    variance *= (count - 1.0) / count
    for average, batch in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        average.assign(average.value * layer.momentum + batch * (1.0 - layer.momentum))
    return tf.reshape(y, tf.shape(x)) if len(x.shape) != 4 else y


def _by_keras(layer: Any, x: Any, mask: Any) -> Any:
    """The same by the layer itself, with its channels where it expects them."""
    own = keras.ops.moveaxis(x, -1, layer.axis)
    return keras.ops.moveaxis(run_in_float32(layer, own, training=True, mask=mask), layer.axis, -1)


def _four_dimensional(x: Any) -> Any:
    return x if len(x.shape) == 4 else tf.reshape(x, [-1, 1, 1, x.shape[-1]])
