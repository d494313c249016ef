"""Functions whose results on int16 inference reproduces bit for bit.

As in `exact`: of float32 steps and grids, float32 steps. Source: TFLite Micro's reference kernels,
which interpolate in tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import tensorflow as tf

from tfedge.quantization.activation_types import INT16, ActivationType
from tfedge.quantization.fixed_point import (
    quantize_multiplier,
    requantize_twice,
    rounding_twice,
    shifted_right,
    wide,
)
from tfedge.quantization.function_tables import (
    ENTRIES,
    exponential_table,
    reciprocal_table,
    sigmoid_table,
)
from tfedge.quantization.grids import QuantParams
from tfedge.quantization.traced_once import traced_once

# What inputs of the table of sigmoid are multiplied with.
_SIGMOID_STEPS = 3 * 4096.0
_LARGEST_MULTIPLIER = INT16.high
_LARGEST_SHIFT = 31
# How far, in powers of two, a scale may lie from one that the reference takes for it.
_POWER_TOLERANCE = 1e-3
# Distances of up to 10 from the largest value of a row are 16-bit integers.
_DISTANCE_STEP = 10.0 / 65535.0

# Of steps and their grid, the steps of the result.
Function = Callable[[Any, QuantParams], Any]


def _sigmoidal(tanh: bool, x: Any, grid: QuantParams) -> Any:
    result = (_TANH if tanh else _LOGISTIC)(x, grid.scale)
    result.set_shape(x.shape)
    return result


def _traced_sigmoidal(tanh: bool) -> Callable[..., Any]:
    powers = (-12, -11) if tanh else (-12,)

    @traced_once(tf.float32, tf.float32)
    def function(x: Any, scale: Any) -> Any:
        multiplier, shift = _sigmoid_scaling(scale, powers)
        evaluate = tanh_of if tanh else sigmoid_of
        return tf.cast(evaluate(tf.cast(x, tf.int64), multiplier, shift), tf.float32)

    return function


def sigmoid_of(x: Any, multiplier: Any, shift: Any) -> Any:
    """sigmoid(x * multiplier / (3 * 2**(12 + shift))) in Q0.15; of int64, and int64."""
    scaled = _scaled(x, multiplier, shift)
    value = _interpolated_sigmoid(tf.abs(scaled), 9)
    return shifted_right(tf.where(scaled < 0, (1 << 25) - value + 511, value + 512), 10)


def tanh_of(x: Any, multiplier: Any, shift: Any) -> Any:
    """tanh(x * multiplier / (3 * 2**(12 + shift))) in Q0.15; of int64, and int64."""
    scaled = _scaled(x, multiplier, shift)
    value = _interpolated_sigmoid(tf.abs(scaled), 8) - (1 << 23)
    return shifted_right(tf.where(scaled < 0, 127 - value, value + 128), 8)


def _scaled(x: Any, multiplier: Any, shift: Any) -> Any:
    half = shifted_right(tf.bitwise.left_shift(wide(1), shift), 1)
    return tf.bitwise.right_shift(x * multiplier + half, shift)


_LOGISTIC, _TANH = _traced_sigmoidal(False), _traced_sigmoidal(True)


def _sigmoid_scaling(scale: Any, powers: tuple[int, ...]) -> tuple[Any, Any]:
    """scale * 3 * 2**12 as multiplier / 2**shift; exactly so only for scales that are `powers`."""
    exact = tf.cast(scale, tf.float64)
    real = exact * _SIGMOID_STEPS
    # The least shift at which the multiplier has 15 bits.
    _, exponent = quantize_multiplier(_LARGEST_MULTIPLIER / 2 / real)
    shift = tf.clip_by_value(exponent, wide(0), wide(_LARGEST_SHIFT))
    for less in (1, 0):
        tried = tf.maximum(shift - less, wide(0))
        enough = real * _two_to(tried) > _LARGEST_MULTIPLIER / 2
        shift = tf.where(enough, tried, shift)
    multiplier = tf.cast(real * _two_to(shift), tf.int64)
    for place, power in enumerate(powers):
        log = tf.math.log(exact) / tf.math.log(tf.constant(2.0, tf.float64))
        is_power = tf.abs(log - float(power)) < _POWER_TOLERANCE
        multiplier = tf.where(is_power, wide(3 << place), multiplier)
        shift = tf.where(is_power, wide(0), shift)
    return multiplier, shift


def _interpolated_sigmoid(magnitude: Any, fraction_bits: int) -> Any:
    """65536 * sigmoid with further fraction bits; the limit behind the table."""
    table = tf.constant(sigmoid_table(), tf.int64) + 32768
    index = shifted_right(magnitude, fraction_bits)
    last = ENTRIES - 1
    within = tf.minimum(index, wide(last - 1))
    below, above = tf.gather(table, within), tf.gather(table, within + 1)
    fraction = tf.bitwise.bitwise_and(magnitude, wide((1 << fraction_bits) - 1))
    value = below * (1 << fraction_bits) + fraction * (above - below)
    limit = 65535 * 256 if fraction_bits == 8 else 32767 * 1024
    return tf.where(index < last, value, wide(limit))


def softmax(x: Any, grid: QuantParams) -> Any:
    """SOFTMAX along the last axis."""
    result = _softmax(x, grid.scale)
    result.set_shape(x.shape)
    return result


@traced_once(tf.float32, tf.float32)
def _softmax(x: Any, scale: Any) -> Any:
    steps = tf.cast(x, tf.int64)
    by = rounding_twice(*quantize_multiplier(tf.cast(scale, tf.float64) / _DISTANCE_STEP))
    below = requantize_twice(steps - tf.reduce_max(steps, axis=-1, keepdims=True), by)
    exponentials = _lookup(exponential_table(), below + INT16.high)
    total = tf.reduce_sum(exponentials, axis=-1, keepdims=True)
    _, bits = quantize_multiplier(tf.cast(total, tf.float64))
    normal = tf.bitwise.left_shift(total, 31 - bits)
    fraction = shifted_right(normal + (1 << 13), 14) - (1 << 15) - (1 << 16)
    products = exponentials * _lookup(reciprocal_table(), fraction)
    shift = bits - 1
    rounded = products + tf.bitwise.left_shift(wide(1), shift - 1)
    result = tf.bitwise.right_shift(rounded, shift)
    return tf.cast(tf.clip_by_value(result, wide(0), wide(INT16.high)), tf.float32)


def _lookup(values: Any, x: Any) -> Any:
    """A table of 513 values at an int16, on a straight line between two of them."""
    table = tf.constant(values, tf.int64)
    x = tf.clip_by_value(x, wide(INT16.least), wide(INT16.high))
    index = 256 + shifted_right(x, 7)
    base = tf.gather(table, index)
    slope = tf.gather(table, index + 1) - base
    return base + shifted_right(slope * tf.bitwise.bitwise_and(x, wide(127)) + 64, 7)


def _two_to(exponent: Any) -> Any:
    return tf.cast(tf.bitwise.left_shift(wide(1), exponent), tf.float64)


# By operator and type of activations, where the operator does the same to every element.
ELEMENTWISE: Mapping[tuple[str, ActivationType], Function] = MappingProxyType(
    {
        ("LOGISTIC", INT16): partial(_sigmoidal, False),
        ("TANH", INT16): partial(_sigmoidal, True),
    }
)
