"""TFLite Micro's integer arithmetic in TensorFlow operations.

Integers are carried in int64 and hold int32 values. Everything here runs eagerly, in a tf.function
and under XLA. `tfedge_converters.arithmetic` has the same formulas in NumPy; tests compare them.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_INT32_MAX = (1 << 31) - 1
_MANTISSA_MASK = (1 << 52) - 1
_EXPONENT_MASK = 0x7FF
# The biased exponent of doubles in [0.5, 1), to which frexp scales a fraction.
_EXPONENT_OF_FRACTIONS = 1022


def round_away(x: Any) -> Any:
    """Nearest integers, ties away from zero, in the float type of `x` (float64 to be exact)."""
    return tf.sign(x) * tf.floor(tf.abs(x) + 0.5)


def divided(x: Any, divisor: int) -> Any:
    """float32 x / divisor, rounded once, in compiled graphs too.

    TensorFlow and XLA multiply with the reciprocal of a constant divisor instead, which is off by
    an ulp for most x, and a scale would no longer be the one that the converter writes. In float64
    that error is far below what the cast to float32 rounds away.
    """
    return tf.cast(tf.cast(x, tf.float64) / float(divisor), tf.float32)


def quantize_multiplier(real: Any) -> tuple[Any, Any]:
    """Positive float64 multipliers as (q, shift) in int64: real = q * 2**(shift - 31).

    q lies in [2**30, 2**31), or is 0 for a multiplier too small for a shift of -31.
    Source: QuantizeMultiplier of TFLite's quantization_util.
    """
    bits = tf.bitcast(real, tf.int64)
    shift = tf.bitwise.bitwise_and(tf.bitwise.right_shift(bits, _wide(52)), _wide(_EXPONENT_MASK))
    shift -= _EXPONENT_OF_FRACTIONS
    mantissa = tf.bitwise.bitwise_and(bits, _wide(_MANTISSA_MASK))
    fraction = tf.bitcast(
        tf.bitwise.bitwise_or(mantissa, _wide(_EXPONENT_OF_FRACTIONS << 52)), tf.float64
    )
    fixed = tf.cast(round_away(fraction * 2.0**31), tf.int64)
    carries = tf.equal(fixed, 1 << 31)
    fixed = tf.where(carries, fixed // 2, fixed)
    shift = tf.where(carries, shift + 1, shift)
    lost = tf.less(shift, -31)
    return tf.where(lost, _wide(0), fixed), tf.where(lost, _wide(0), shift)


def requantize(x: Any, multiplier: Any, shift: Any) -> Any:
    """x * multiplier * 2**(shift - 31), rounded twice: MultiplyByQuantizedMultiplier.

    Args:
        x: int64 that hold int32 values, of any shape that broadcasts with the others.
        multiplier, shift: as `quantize_multiplier` gives them.
    """
    left = tf.maximum(shift, _wide(0))
    right = tf.maximum(-shift, _wide(0))
    shifted = x * tf.bitwise.left_shift(_wide(1), left)
    product = tf.bitwise.right_shift(shifted * multiplier + (1 << 30), _wide(31))
    product = tf.minimum(product, _INT32_MAX)
    mask = tf.bitwise.left_shift(_wide(1), right) - 1
    threshold = tf.bitwise.right_shift(mask, _wide(1)) + tf.cast(product < 0, tf.int64)
    rest = tf.bitwise.bitwise_and(product, mask)
    return tf.bitwise.right_shift(product, right) + tf.cast(rest > threshold, tf.int64)


def _wide(value: int) -> Any:
    return tf.constant(value, tf.int64)
