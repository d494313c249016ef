"""gemmlowp's fixed-point arithmetic, as TFLite Micro's reference kernels use it.

Arrays are int64 and hold int32 values. Qm.n means m integer and n fraction bits, m + n = 31.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from tfedge_converters.arithmetic.errors import UndefinedError

INT32_MAX = (1 << 31) - 1
INT32_MIN = -(1 << 31)

_ONE_OVER_17_TIMES_48_Q2 = 1515870810
_ONE_OVER_17_TIMES_MINUS_32_Q2 = -1010580540
_EXP_MINUS_ONE_EIGHTH_Q0 = 1895147668
_ONE_THIRD_Q0 = 715827883
_THREE_HALVES_Q3 = (1 << 28) + (1 << 27)
_HALF_SQRT_2_Q0 = 1518500250

# exp(-2^e) in Q0.31 for the exponents e that the barrel shifter of exp goes through.
_EXP_OF_MINUS_POWER_OF_TWO = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A non-negative real multiplier as (q, shift): real = q * 2^(shift - 31).

    q lies in [2^30, 2^31), or is 0 for a multiplier too small for a shift of -31.
    Source: QuantizeMultiplier of TFLite's quantization_util.

    Raises:
        UndefinedError: `real` is negative or not finite, or shifts integers out of 32 bits.
    """
    if not math.isfinite(real) or real < 0:
        raise UndefinedError(f"a multiplier must be finite and not negative, got {real}")
    fraction, shift = math.frexp(real)
    fixed = round_half_away(fraction * (1 << 31))
    if fixed == 1 << 31:
        fixed //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        raise UndefinedError(f"scales ask for a multiplier of {real:.3g}, which overflows")
    return fixed, shift


def channel_multipliers(
    input_scale: float | np.float32, weight_scales: np.ndarray, output_scale: float | np.float32
) -> list[tuple[int, int]]:
    """input_scale * weight_scale / output_scale as (q, shift), one a weight scale.

    The product is taken in double precision, as the reference does.

    Raises:
        UndefinedError: see `quantize_multiplier`.
    """
    reals = float(input_scale) * weight_scales.astype(np.float64) / float(output_scale)
    return [quantize_multiplier(float(real)) for real in reals]


def mean_multiplier(
    input_scale: float | np.float32, output_scale: float | np.float32, count: int
) -> tuple[int, int]:
    """Return the multiplier that makes a sum of `count` values their mean, as (q, shift).

    The reference divides the multiplier of both scales by the count, in integers.

    Raises:
        UndefinedError: see `quantize_multiplier`.
    """
    multiplier, shift = quantize_multiplier(float(input_scale) / float(output_scale))
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << extra) // count, shift - extra


def round_half_away(value: float) -> int:
    """C's round(): to the nearest integer, halves away from zero."""
    return math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)


def round_half_away_f32(value: np.float32) -> int:
    """The same for a float32 value, without leaving float32."""
    magnitude = np.float32(abs(value))
    whole = np.floor(magnitude)
    rounded = int(whole) + (1 if magnitude - whole >= np.float32(0.5) else 0)
    return rounded if value >= 0 else -rounded


def multiply_high(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """a * b / 2^31 rounded half up: gemmlowp's SaturatingRoundingDoublingHighMul."""
    product = (np.asarray(a, np.int64) * b + (1 << 30)) >> 31
    return np.minimum(product, INT32_MAX)


def divide_by_power_of_two(x: np.ndarray, exponent: int | np.ndarray) -> np.ndarray:
    """x / 2^exponent rounded half away from zero, exponent in 0..31."""
    x = np.asarray(x, np.int64)
    mask = np.left_shift(1, exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def wrap_int32(x: np.ndarray) -> np.ndarray:
    """x modulo 2^32, as a signed number."""
    return ((np.asarray(x, np.int64) + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def requantize(x: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """x * multiplier * 2^(shift - 31), rounded twice: MultiplyByQuantizedMultiplier."""
    left, right = max(shift, 0), max(-shift, 0)
    shifted = wrap_int32(np.asarray(x, np.int64) << left)
    return divide_by_power_of_two(multiply_high(shifted, multiplier), right)


def input_radius(integer_bits: int, left_shift: int) -> int:
    """The largest |x| that stays in range when shifted left: CalculateInputRadius."""
    largest = ((1 << integer_bits) - 1) * (1 << (31 - integer_bits))
    return math.floor(largest / 2.0**left_shift)


def _saturating_shift_left(x: np.ndarray, bits: int) -> np.ndarray:
    return np.clip(np.asarray(x, np.int64) << bits, INT32_MIN, INT32_MAX)


def _half_sum_with_one(x: np.ndarray) -> np.ndarray:
    total = np.asarray(x, np.int64) + INT32_MAX
    return np.where(total >= 0, (total + 1) // 2, -((1 - total) // 2))


def _newton_reciprocal(x: np.ndarray) -> np.ndarray:
    """2 / (1 + x) in Q2.29 for x in [0, 1) in Q0.31, by three Newton-Raphson steps."""
    half_denominator = _half_sum_with_one(x)
    estimate = _ONE_OVER_17_TIMES_48_Q2 + multiply_high(
        half_denominator, _ONE_OVER_17_TIMES_MINUS_32_Q2
    )
    for _ in range(3):
        error = (1 << 29) - multiply_high(half_denominator, estimate)
        estimate = estimate + _saturating_shift_left(multiply_high(estimate, error), 2)
    return estimate


def reciprocal_above_one(x: np.ndarray) -> np.ndarray:
    """1 / (1 + x) in Q0.31 for x in [0, 1) in Q0.31."""
    return _saturating_shift_left(_newton_reciprocal(x), 1)


def exp_on_negative_values(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """exp(x) in Q0.31 for x <= 0 in Qm.n with m = integer_bits (at most 5)."""
    x = np.asarray(x, np.int64)
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    reduced = (x & (quarter - 1)) - quarter
    result = _exp_near_zero(_saturating_shift_left(reduced, integer_bits))
    remainder = reduced - x
    for exponent, factor in _EXP_OF_MINUS_POWER_OF_TWO:
        if integer_bits > exponent:
            bit = 1 << (fraction_bits + exponent)
            result = np.where(remainder & bit, multiply_high(result, factor), result)
    return np.where(x == 0, INT32_MAX, result)


def _exp_near_zero(x: np.ndarray) -> np.ndarray:
    """exp(x) in Q0.31 for x in [-1/4, 0) in Q0.31: a Taylor polynomial around -1/8."""
    y = x + (1 << 28)
    y2 = multiply_high(y, y)
    y3 = multiply_high(y2, y)
    y4_over_4 = divide_by_power_of_two(multiply_high(y2, y2), 2)
    tail = divide_by_power_of_two(multiply_high(y4_over_4 + y3, _ONE_THIRD_Q0) + y2, 1)
    return _EXP_MINUS_ONE_EIGHTH_Q0 + multiply_high(y + tail, _EXP_MINUS_ONE_EIGHTH_Q0)


def logistic(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """1 / (1 + exp(-x)) in Q0.31 for x in Qm.n."""
    x = np.asarray(x, np.int64)
    exponential = exp_on_negative_values(-np.abs(x), integer_bits)
    estimate = _newton_reciprocal(exponential)
    positive = _saturating_shift_left(estimate, 1)
    result = np.where(x > 0, positive, INT32_MAX - positive)
    return np.where(x == 0, 1 << 30, result)


def tanh(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """tanh(x) in Q0.31 for x in Qm.n."""
    x = np.asarray(x, np.int64)
    exponential = exp_on_negative_values(-np.abs(x), integer_bits + 1)
    estimate = _newton_reciprocal(exponential)
    positive = _saturating_shift_left(estimate - (1 << 29), 2)
    return np.where(x == 0, 0, np.where(x < 0, -positive, positive))


@functools.lru_cache(maxsize=1024)
def inverse_sqrt_multiplier(x: int) -> tuple[int, int]:
    """1 / sqrt(x) for an int32 x >= 0 as (q, shift): 1 / sqrt(x) = q * 2^(shift - 31).

    0 counts as 1. Five Newton-Raphson steps from 1, in Q3.28. Source: TFLite's
    GetInvSqrtQuantizedMultiplierExp.
    """
    if x <= 1:
        return INT32_MAX, 0
    right_shift = 11
    while x >= 1 << 29:
        x //= 4
        right_shift += 1
    pairs = (31 - x.bit_length()) // 2 - 1
    right_shift -= pairs
    fixed = (x << 2 * pairs) >> 1
    half = int(divide_by_power_of_two(np.int64(fixed), 1))
    estimate = 1 << 28
    for _ in range(5):
        square = int(multiply_high(np.int64(estimate), estimate))
        cube = int(multiply_high(np.int64(square), estimate))
        rescaled = int(_saturating_shift_left(np.int64(cube), 6))
        less = int(multiply_high(np.int64(half), rescaled))
        more = int(multiply_high(np.int64(_THREE_HALVES_Q3), estimate))
        estimate = int(_saturating_shift_left(np.int64(more - less), 3))
    result = int(multiply_high(np.int64(estimate), _HALF_SQRT_2_Q0))
    if right_shift < 0:
        return result << -right_shift, 0
    return result, -right_shift
