"""The rules of `affine` in TensorFlow, for what training and inference compute in graphs.

Each function does what its namesake there does, to the last bit: eagerly, in a tf.function and
under XLA. What depends on a division by a constant is computed in float64, for compilers multiply
with the reciprocal instead, which is then far below what the cast to float32 rounds away.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import tensorflow as tf

from tfedge.quantization import affine
from tfedge.quantization.activation_types import ACTIVATION_TYPES, INT16, ActivationType
from tfedge.quantization.fixed_point import quantize_multiplier, round_away
from tfedge.quantization.policy import ROOT_HEADROOM
from tfedge.quantization.traced_once import traced_once

# The fraction that `quantize_multiplier` gives powers of two.
_POWER_OF_TWO = 1 << 30


def scale_and_zero_point(low: Any, high: Any, activation_type: ActivationType) -> tuple[Any, Any]:
    """float32 scalars, of the range [low, high], float32 scalars with low <= high."""
    scale, zero_point = _OF_RANGES[activation_type](low, high)
    scale.set_shape([])
    zero_point.set_shape([])
    return scale, zero_point


def _asymmetric(activation_type: ActivationType, low: Any, high: Any) -> tuple[Any, Any]:
    least, largest = float(activation_type.low), float(activation_type.high)
    low, high = tf.minimum(low, 0.0), tf.maximum(high, 0.0)
    scale = _divided(high - low, activation_type.steps)
    empty = scale < affine.SMALLEST_SCALE
    scale = tf.where(empty, 1.0, scale)
    exact = least - tf.cast(low, tf.float64) / tf.cast(scale, tf.float64)
    rounded = tf.cast(round_away(tf.cast(tf.cast(exact, tf.float32), tf.float64)), tf.float32)
    return scale, tf.where(empty, 0.0, tf.clip_by_value(rounded, least, largest))


def _symmetric(activation_type: ActivationType, low: Any, high: Any) -> tuple[Any, Any]:
    scale = _divided(tf.maximum(tf.abs(low), tf.abs(high)), activation_type.high)
    return tf.where(scale < affine.SMALLEST_SCALE, 1.0, scale), tf.constant(0.0)


_OF_RANGES = {
    each: traced_once(tf.float32, tf.float32)(
        partial(_symmetric if each.symmetric else _asymmetric, each)
    )
    for each in ACTIVATION_TYPES.values()
}


def integer_bits(low: Any, high: Any) -> Any:
    """int64 scalar, of float32 scalars low <= 0 <= high."""
    largest = tf.cast(tf.maximum(-low, high), tf.float64)
    fraction, bits = quantize_multiplier(tf.maximum(largest, 1.0))
    bits -= tf.cast(tf.equal(fraction, tf.constant(_POWER_OF_TWO, tf.int64)), tf.int64)
    return tf.minimum(bits, tf.constant(affine.MOST_INTEGER_BITS, tf.int64))


def reciprocal_root_end(result_high: Any, operand_high: Any) -> Any:
    """float32 scalar, of float32 scalars."""
    limit = tf.sqrt(float(INT16.high) / tf.cast(operand_high, tf.float64))
    wanted = ROOT_HEADROOM * tf.cast(result_high, tf.float64)
    return tf.cast(tf.minimum(wanted, limit), tf.float32)


def weight_scale(largest: Any, limit: Any) -> Any:
    """float32 scales that put float32 magnitudes on `limit`, an int or a float64 scalar."""
    return _divided(largest, limit)


def largest_biases(bias: Any, scales: Any) -> Any:
    """float64 (channels,), or (1,) where there is one of `scales`, of float32 (channels,)."""
    magnitude = tf.abs(tf.cast(bias, tf.float64))
    largest = tf.reduce_max(magnitude, keepdims=True)
    return tf.where(tf.equal(scales, 1), largest, magnitude)[:scales]


def accumulator_scales(weight: Any, input_scale: Any, largest_bias: Any) -> tuple[Any, Any]:
    """Two float32 tensors of the shape of `weight`: scales of the weights and of the bias.

    Args:
        weight: float32 tensor.
        input_scale: float32 scalar.
        largest_bias: float64, of the shape of `weight`.
    """
    product = weight * input_scale
    needed = largest_bias / float(affine.BIAS_MAX)
    dead = (product < affine.SMALLEST_SCALE) & (needed < affine.SMALLEST_SCALE)
    enlarged = needed > tf.cast(product, tf.float64)
    wider = tf.cast(needed / tf.cast(input_scale, tf.float64), tf.float32)
    weight = tf.where(enlarged, wider, weight)
    product = tf.where(enlarged, tf.cast(needed, tf.float32), product)
    return tf.where(dead, 1.0, weight), tf.where(dead, input_scale, product)


def quantize_symmetric(values: Any, scale: Any, limit: int) -> Any:
    """float64 integers of float32 values, at float32 scales that broadcast against them."""
    integers = round_away(tf.cast(values * _reciprocal(scale), tf.float64))
    return tf.clip_by_value(integers, tf.constant(-limit, tf.float64), float(limit))


def quantize_bias(bias: Any, scale: Any) -> Any:
    """int64 integers of a float32 bias, at a float32 scale that broadcasts against it."""
    return tf.cast(quantize_symmetric(bias, scale, affine.BIAS_MAX + 1), tf.int64)


def _divided(x: Any, divisor: Any) -> Any:
    return tf.cast(tf.cast(x, tf.float64) / tf.cast(divisor, tf.float64), tf.float32)


def _reciprocal(scale: Any) -> Any:
    return tf.cast(1.0 / tf.cast(scale, tf.float64), tf.float32)
