"""int8 functions of one value as tables of their 256 results.

Each table is indexed by the input's byte (0..127, then -128..-1) and is computed the way
TFLite Micro's reference kernel computes a single element.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tfedge_converters.arithmetic import fixed_point
from tfedge_converters.arithmetic.activation import quantize_real
from tfedge_converters.arithmetic.errors import UndefinedError

_INPUT_INTEGER_BITS = 4
_SOFTMAX_INTEGER_BITS = 5
_RSQRT_FRACTION_BITS = 20

# The reference finds the radius of its inputs with a shift of 64 bits.
_LARGEST_RADIUS_SHIFT = 62

# Every int8 value in the order of its byte.
SIGNED = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)
UNSIGNED = np.arange(256, dtype=np.int64)


def requantize_table(
    values: np.ndarray,
    input_scale: np.float32 | float,
    input_zero_point: int,
    output_scale: np.float32 | float,
    output_zero_point: int,
    low: int,
    high: int,
) -> np.ndarray:
    """8-bit QUANTIZE of 8-bit `values` (SIGNED or UNSIGNED), and RELU by its limits."""
    multiplier, shift = fixed_point.quantize_multiplier(float(input_scale) / float(output_scale))
    scaled = fixed_point.requantize(values - input_zero_point, multiplier, shift)
    return np.clip(scaled + output_zero_point, low, high)


def clamp_table(scale: np.float32, zero_point: int, upper: float) -> np.ndarray:
    """RELU6 and its like, which keep the input's scale: limits 0 and `upper`."""
    return np.clip(SIGNED, zero_point, min(quantize_real(upper, scale, zero_point), 127))


def abs_table(
    scale: np.float32, zero_point: int, out_scale: np.float32, out_zero_point: int
) -> np.ndarray:
    """ABS, requantised where the scales differ."""
    magnitude = np.abs(SIGNED - zero_point)
    if scale != out_scale:
        multiplier, shift = fixed_point.quantize_multiplier(float(scale) / float(out_scale))
        magnitude = fixed_point.requantize(magnitude, multiplier, shift)
    return np.clip(magnitude + out_zero_point, -128, 127)


def negative_table() -> np.ndarray:
    """NEG as LiteRT computes it: negated integers, of which -128 stays what it is."""
    return (-SIGNED).astype(np.int8).astype(np.int64)


def leaky_relu_table(
    scale: np.float32,
    zero_point: int,
    out_scale: np.float32,
    out_zero_point: int,
    alpha: float,
) -> np.ndarray:
    """LEAKY_RELU: x, or alpha * x for negative x; alpha is float32, the multipliers are double.

    Where the slope is negative, the reference's results round as if turned afterwards.

    Raises:
        UndefinedError: `alpha` is not finite, or a multiplier overflows.
    """
    ratio = float(scale) / float(out_scale)
    multiplier, shift = fixed_point.quantize_multiplier(ratio)
    slope = float(scale) * float(np.float32(alpha)) / float(out_scale)
    slope_multiplier, slope_shift = fixed_point.quantize_multiplier(abs(slope))
    sign = -1 if slope < 0 else 1
    centred = SIGNED - zero_point
    scaled = np.where(
        centred >= 0,
        fixed_point.requantize(centred, multiplier, shift),
        sign * fixed_point.requantize(centred, slope_multiplier, slope_shift),
    )
    return np.clip(fixed_point.wrap_int32(scaled + out_zero_point), -128, 127)


def rsqrt_table(
    scale: np.float32, zero_point: int, out_scale: np.float32, out_zero_point: int
) -> np.ndarray:
    """RSQRT: 1 / sqrt(x); 127 for 0 and for what is negative, where the reference stops.

    Raises:
        UndefinedError: the output's scale is so large that the reference shifts by more than a
            word.
    """
    real = 1.0 / (math.sqrt(float(scale)) * float(out_scale))
    multiplier, shift = fixed_point.quantize_multiplier(real)
    if shift - _RSQRT_FRACTION_BITS < -31:
        raise UndefinedError(f"the output's scale {out_scale:.3g} is too large")
    table = np.full(256, 127, np.int64)
    for byte, centred in enumerate((SIGNED - zero_point).tolist()):
        if centred <= 0:
            continue
        inverse, inverse_shift = fixed_point.inverse_sqrt_multiplier(centred)
        fraction = fixed_point.requantize(
            np.int64(1), inverse, inverse_shift + _RSQRT_FRACTION_BITS
        )
        scaled = fixed_point.requantize(fraction, multiplier, shift - _RSQRT_FRACTION_BITS)
        wrapped = fixed_point.wrap_int32(scaled + out_zero_point)
        table[byte] = np.clip(wrapped, -128, 127)
    return table


def logistic_table(scale: np.float32, zero_point: int) -> np.ndarray:
    """LOGISTIC: output scale 1/256, zero point -128.

    Raises:
        UndefinedError: the reference's input radius overflows.
    """
    return _sigmoidal(scale, zero_point, fixed_point.logistic, bits=8, output_zero_point=-128)


def tanh_table(scale: np.float32, zero_point: int) -> np.ndarray:
    """TANH: output scale 1/128, zero point 0.

    Raises:
        UndefinedError: the reference's input radius overflows.
    """
    return _sigmoidal(scale, zero_point, fixed_point.tanh, bits=7, output_zero_point=0)


def _sigmoidal(
    scale: np.float32,
    zero_point: int,
    function: Callable[[np.ndarray, int], np.ndarray],
    bits: int,
    output_zero_point: int,
) -> np.ndarray:
    real = float(scale) * (1 << (31 - _INPUT_INTEGER_BITS))
    fraction, shift = math.frexp(real)
    if not 0 <= shift <= _LARGEST_RADIUS_SHIFT:
        raise UndefinedError(f"the input's scale {scale:.3g} leaves the reference's integers")
    multiplier = fixed_point.round_half_away(fraction * (1 << 31))
    radius = fixed_point.input_radius(_INPUT_INTEGER_BITS, shift)
    centred = SIGNED - zero_point
    if radius == 0:  # every step of the input is beyond the function's slope; so is 0, downwards
        return np.where(centred > 0, 127, -128)
    within = np.clip(centred, -radius + 1, radius - 1)
    x = fixed_point.requantize(within, multiplier, shift)
    y = function(x, _INPUT_INTEGER_BITS)
    rounded = fixed_point.divide_by_power_of_two(y, 31 - bits) + output_zero_point
    table = np.clip(rounded, -128, 127)
    table = np.where(centred <= -radius, -128, table)
    return np.where(centred >= radius, 127, table)


class LogSoftmaxScaling(NamedTuple):
    """How LOG_SOFTMAX brings differences of integers to Q5.26 and back.

    Attributes:
        input_multiplier, input_shift: from a difference to Q5.26.
        reverse_multiplier, reverse_shift: from Q5.26 to a difference.
        smallest_difference: below it, exponentials count as 0.
    """

    input_multiplier: int
    input_shift: int
    reverse_multiplier: int
    reverse_shift: int
    smallest_difference: int


def log_softmax_scaling(scale: float) -> LogSoftmaxScaling:
    """Source: PreprocessLogSoftmaxScalingExp of TFLite's quantization_util.

    Raises:
        UndefinedError: the scale is so small that the reference refuses it.
    """
    multiplier, shift = _softmax_multiplier(scale)
    reverse = (1 << (31 - shift)) / multiplier
    if reverse >= 1:
        raise UndefinedError(f"the input's scale {scale:.3g} underflows")
    reverse_multiplier, reverse_shift = fixed_point.quantize_multiplier(reverse)
    radius = fixed_point.input_radius(_SOFTMAX_INTEGER_BITS, shift)
    return LogSoftmaxScaling(multiplier, shift, reverse_multiplier, reverse_shift, -radius)


def _softmax_multiplier(real_scale: float) -> tuple[int, int]:
    """From a difference of integers to Q5.26."""
    real = min(real_scale * (1 << (31 - _SOFTMAX_INTEGER_BITS)), (1 << 31) - 1.0)
    if not real > 1.0:
        raise UndefinedError(f"beta * scale of SOFTMAX is {real / 2**26:.3g}, which underflows")
    # A shift of 31 bits is possible here, because then only the difference 0 is ever shifted.
    multiplier, shift = fixed_point.quantize_multiplier(real / 2)
    return multiplier, shift + 1


def softmax_exp_table(scale: float, beta: float) -> np.ndarray:
    """exp(-beta * scale * d) in Q0.31 for d = 0, 1, …; ends where the reference skips a value.

    Raises:
        UndefinedError: beta * scale is so small that the reference refuses it.
    """
    multiplier, shift = _softmax_multiplier(float(beta) * float(scale))
    last = min(fixed_point.input_radius(_SOFTMAX_INTEGER_BITS, shift), 255)
    below = -np.arange(last + 1, dtype=np.int64)
    x = fixed_point.multiply_high(fixed_point.wrap_int32(below << shift), multiplier)
    table = fixed_point.exp_on_negative_values(x, _SOFTMAX_INTEGER_BITS)
    return np.trim_zeros(table, "b")
