"""TFLite Micro's integer arithmetic in TensorFlow operations.

Integers are carried in int64. Everything here runs eagerly, in a tf.function and under XLA.
`tfedge_converters.arithmetic` has the same formulas in NumPy; tests compare them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from tfedge.quantization.activation_types import Rescaling

_MANTISSA_BITS = 52
_MANTISSA_MASK = (1 << _MANTISSA_BITS) - 1
# The biased exponent of doubles in [0.5, 1), to which frexp scales a fraction.
_EXPONENT_OF_FRACTIONS = 1022
_WIDE_BITS, _NARROW_BITS = 31, 15
# Below every product of 31 bits.
_BELOW_ALL = -(1 << 62)


class Multiplier(NamedTuple):
    """Factor and shift of `requantize`: int64 tensors of one shape.

    Attributes:
        factor: of an integer.
        offset: is added to the product.
        half: what lies below it after the first shift is negative before rounding.
        shift: to the right, after the second rounding.
    """

    factor: Any
    offset: Any
    half: Any
    shift: Any


def round_away(x: Any) -> Any:
    """Nearest integers, ties away from zero, in the float type of `x` (float64 to be exact)."""
    return tf.sign(x) * tf.floor(tf.abs(x) + 0.5)


def quantize_multiplier(real: Any) -> tuple[Any, Any]:
    """Non-negative float64 multipliers as (q, shift) in int64: real = q * 2**(shift - 31).

    q lies in [2**30, 2**31), or is 0 for a multiplier too small for a shift of -31.
    Source: QuantizeMultiplier of TFLite's quantization_util.
    """
    # Rounds the mantissa to 31 bits; the exponent takes what is carried.
    dropped = _MANTISSA_BITS + 1 - _WIDE_BITS
    bits = tf.bitcast(real, tf.int64) + (1 << (dropped - 1))
    shift = shifted_right(bits, _MANTISSA_BITS) - _EXPONENT_OF_FRACTIONS
    mantissa = tf.bitwise.bitwise_and(bits, wide(_MANTISSA_MASK)) + (1 << _MANTISSA_BITS)
    lost = shift < -_WIDE_BITS
    fixed = tf.where(lost, wide(0), shifted_right(mantissa, dropped))
    return fixed, tf.where(lost, wide(0), shift)


def rounding_twice(fixed: Any, shift: Any, addend: Any = 0) -> Multiplier:
    """Prepare (x + addend) * q * 2**(shift - 31), rounded to an integer before and after the shift.

    Args:
        fixed, shift: as `quantize_multiplier` gives them.
        addend: int64.
    """
    zero = wide(0)
    right = tf.maximum(-shift, zero)
    half = shifted_right(tf.bitwise.left_shift(wide(1), right), 1)
    factor = tf.bitwise.left_shift(fixed, tf.maximum(shift, zero))
    offset = addend * factor + (1 << (_WIDE_BITS - 1)) + half * (1 << _WIDE_BITS)
    return Multiplier(factor, offset, tf.where(right > 0, half, wide(_BELOW_ALL)), right)


def rounding_once(fixed: Any, shift: Any, addend: Any = 0) -> Multiplier:
    """Prepare (x + addend) * q * 2**(shift - 15), halves up, q of 15 bits; see `rounding_twice`.

    Source: MultiplyByQuantizedMultiplier of int64 in TFLite's reference kernels.
    """
    dropped = _WIDE_BITS - _NARROW_BITS
    narrow = shifted_right(fixed + (1 << (dropped - 1)), dropped)
    factor = tf.minimum(narrow, wide((1 << _NARROW_BITS) - 1))
    right = _NARROW_BITS - shift
    offset = addend * factor + tf.bitwise.left_shift(wide(1), right - 1)
    return Multiplier(factor, offset, tf.zeros_like(right), right)


def requantize_twice(x: Any, by: Multiplier) -> Any:
    """int64 x * by, rounded twice: ties up, then away from zero."""
    product = shifted_right(x * by.factor + by.offset, _WIDE_BITS)
    # -1 where the product was negative, so that ties go away from zero.
    negative = shifted_right(product - by.half, 63)
    return tf.bitwise.right_shift(product + negative, by.shift)


def requantize_once(x: Any, by: Multiplier) -> Any:
    """int64 x * by, rounded once."""
    return tf.bitwise.right_shift(x * by.factor + by.offset, by.shift)


PREPARED: Mapping[Rescaling, Callable[..., Multiplier]] = {
    Rescaling.TWICE: rounding_twice,
    Rescaling.ONCE: rounding_once,
}

REQUANTIZED: Mapping[Rescaling, Callable[[Any, Multiplier], Any]] = {
    Rescaling.TWICE: requantize_twice,
    Rescaling.ONCE: requantize_once,
}


def shifted_right(x: Any, bits: int) -> Any:
    """int64 x / 2**bits, rounded down."""
    return tf.bitwise.right_shift(x, wide(bits))


def wide(value: int) -> Any:
    """A number as int64, in which kernels' integers are computed."""
    return tf.constant(value, tf.int64)
