"""HARD_SWISH of int8, which inference reproduces bit for bit.

As in `exact`: of float32 steps and grids, float32 steps. Source: HardSwish of TFLite's reference
kernels, in fixed-point numbers of 16 bits, with TFLite Micro's float32 multipliers.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfedge.quantization.fixed_point import quantize_multiplier, shifted_right, wide
from tfedge.quantization.grids import QuantParams
from tfedge.quantization.traced_once import traced_once

_LEAST, _LARGEST = -(1 << 15), (1 << 15) - 1
# An input keeps so many bits of fraction.
_FRACTION_BITS = 7


def hard_swish(x: Any, grid: QuantParams, output: QuantParams) -> Any:
    """x * min(max(x + 3, 0), 6) / 6."""
    result = _hard_swish(x, grid.scale, output.scale)
    result.set_shape(x.shape)
    return result


@traced_once(tf.float32, tf.float32, tf.float32)
def _hard_swish(x: Any, scale: Any, output_scale: Any) -> Any:
    fine = tf.bitwise.left_shift(tf.cast(x, tf.int64), wide(_FRACTION_BITS))
    fine_scale = scale * (1.0 / (1 << _FRACTION_BITS))
    output_multiplier, output_exponent = _multiplier(fine_scale / output_scale)
    gate = _gate(fine, *_multiplier(fine_scale / (tf.constant(3.0) / (1 << 15))))
    product = gate * _multiply_high(fine, output_multiplier)
    # This product is rounded towards zero, which offsets the bias of the roundings before it.
    truncated = tf.sign(product) * shifted_right(tf.abs(product), 15)
    return tf.cast(_divided(truncated, tf.maximum(-output_exponent, wide(0))), tf.float32)


def _gate(fine: Any, multiplier: Any, exponent: Any) -> Any:
    """min(max(x + 3, 0), 6) / 6 in Q0.15: the last bit of a left shift is what saturates."""
    left, right = tf.maximum(exponent, wide(0)), tf.maximum(-exponent, wide(0))
    last = tf.minimum(left, wide(1))
    gate = _multiply_high(_saturated(tf.bitwise.left_shift(fine, left - last)), multiplier)
    gate = _divided(_saturated(tf.bitwise.left_shift(gate, last)), right)
    return shifted_right(gate + (1 << 15), 1)


def _multiplier(real: Any) -> tuple[Any, Any]:
    """A float32 number as q * 2**(exponent - 15), q of 15 bits."""
    multiplier, exponent = quantize_multiplier(tf.cast(real, tf.float64))
    narrow = shifted_right(multiplier + (1 << 15), 16)
    return tf.minimum(narrow, wide(_LARGEST)), exponent


def _multiply_high(a: Any, b: Any) -> Any:
    return shifted_right(a * b + (1 << 14), 15)


def _divided(x: Any, exponent: Any) -> Any:
    """x / 2**exponent, ties away from zero, with the reference's mask of 16 bits."""
    mask = tf.bitwise.left_shift(wide(1), exponent) - 1
    mask = tf.bitwise.bitwise_and(mask + (1 << 15), wide(0xFFFF)) - (1 << 15)
    threshold = shifted_right(mask, 1) + tf.cast(x < 0, tf.int64)
    more = tf.bitwise.bitwise_and(x, mask) > threshold
    return tf.bitwise.right_shift(x, exponent) + tf.cast(more, tf.int64)


def _saturated(x: Any) -> Any:
    return tf.clip_by_value(x, wide(_LEAST), wide(_LARGEST))
