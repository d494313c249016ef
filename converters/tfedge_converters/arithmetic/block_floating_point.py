"""Block floating point: tensors of 8 bits that share one exponent, which is found at run time.

The arithmetic of the kernels whose names end in `bfp8`, bit for bit. No interpreter has it: this is
what says what is right. Integers are int64 arrays that hold int32 values. A value is
integer * 2^exponent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tfedge_converters.arithmetic.fixed_point import (
    INT32_MAX,
    divide_by_power_of_two,
    multiply_high,
    quantize_multiplier,
)

# The largest magnitude of an element; that of elements which cannot be negative.
SIGNED, UNSIGNED = 127, 255

# Bits of a bias beside its exponent.
_BIAS_BITS = 29

# Sums of products stay below 2^30 when they are shifted left.
SUM_BITS = 30

# ADD brings its operands to so many bits below the larger exponent.
_ADDED_BITS = 20

# Functions: bits of differences, of steps of a logarithm, of a power's index, of powers, and of
# reciprocals times powers.
_DIFFERENCE_BITS, _STEP_BITS, _INDEX_BITS, _POWER_BITS, _RECIPROCAL_BITS = 22, 16, 6, 20, 50
_FRACTION_BITS = _STEP_BITS - _INDEX_BITS
_SOFTMAX_EXPONENT, _LOGISTIC_EXPONENT = -29, -30

# IEEE 754, single precision.
_F32_FRACTION_BITS, _F32_BIAS, _F32_LARGEST = 23, 127, 0x7F7FFFFF


@dataclass(frozen=True, eq=False)
class Block:
    """A tensor with one exponent.

    Attributes:
        values: integers of the tensor's shape, of which none is above `largest` in magnitude.
        exponent: of all of them.
        largest: SIGNED, or UNSIGNED where none is negative.
    """

    values: np.ndarray
    exponent: int
    largest: int = SIGNED


@dataclass(frozen=True, eq=False)
class SumScales:
    """How sums of products with int8 weights become numbers.

    Attributes:
        multiplier: one a channel, or one for all, in Q0.31.
        left: bits that sums are shifted by, up to what keeps them below 2^30.
        exponent: of products of the largest scale.
        bias: one a channel.
        bias_exponent: of these; far below all others if there are none.
    """

    multiplier: np.ndarray
    left: int
    exponent: int
    bias: np.ndarray
    bias_exponent: int


def right(x: np.ndarray | int, exponent: np.ndarray | int) -> np.ndarray:
    """x / 2^exponent, rounded half away from zero; an exponent above 31 counts as 31."""
    return divide_by_power_of_two(np.asarray(x, np.int64), np.minimum(exponent, 31))


def written(numbers: np.ndarray, exponent: int, largest: int = SIGNED) -> Block:
    """Numbers as they are written one after the other.

    The exponent grows where a number does not fit; all before it are rounded again then.

    Args:
        numbers: below 2^31 in magnitude, in the order of memory.
        exponent: theirs.
        largest: of the tensor that they become.
    """
    flat = numbers.reshape(-1)
    shifts = np.maximum.accumulate(_needed_shifts(flat, largest))
    values = right(flat, shifts)
    for index in np.flatnonzero(np.diff(shifts)) + 1:
        values[:index] = right(values[:index], shifts[index] - shifts[index - 1])
    return Block(values.reshape(numbers.shape), exponent + int(shifts[-1]), largest)


def _needed_shifts(x: np.ndarray, largest: int) -> np.ndarray:
    """How far each number has to be shifted for it to fit."""
    _, bits = np.frexp(np.abs(x).astype(np.float64))
    shifts = np.maximum(bits.astype(np.int64) - largest.bit_length(), 0)
    return shifts + (np.abs(right(x, shifts)) > largest)


def of_real(values: np.ndarray) -> Block:
    """float32 numbers; infinity and what is no number count as the largest number."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.int64)
    magnitude = np.minimum(bits & 0x7FFFFFFF, _F32_LARGEST)
    exponents = np.maximum(magnitude >> _F32_FRACTION_BITS, 1)
    one = 1 << _F32_FRACTION_BITS
    mantissas = (magnitude & (one - 1)) | np.where(magnitude >= one, one, 0)
    largest = int(np.argmax(magnitude))
    shift = _F32_FRACTION_BITS + 1 - SIGNED.bit_length()
    if right(mantissas.flat[largest], shift) > SIGNED:
        shift += 1
    top = int(exponents.flat[largest]) + shift
    integers = right(mantissas, top - exponents)
    return Block(np.where(bits >> 31, -integers, integers), top - _F32_BIAS - _F32_FRACTION_BITS)


def to_real(block: Block) -> np.ndarray:
    """float32 numbers; 0 where there is no normal number, and the largest where none is."""
    magnitude = np.abs(block.values)
    _, bits = np.frexp(magnitude.astype(np.float64))
    mantissa = magnitude << (_F32_FRACTION_BITS + 1 - bits.astype(np.int64))
    biased = block.exponent + _F32_BIAS + bits.astype(np.int64) - 1
    result = (biased << _F32_FRACTION_BITS) | (mantissa & ((1 << _F32_FRACTION_BITS) - 1))
    result = np.where(biased >= 255, _F32_LARGEST, np.where(biased <= 0, 0, result))
    sign = np.where(block.values < 0, 1 << 31, 0)
    return np.where(magnitude == 0, 0, sign | result).astype(np.uint32).view(np.float32)


def sum_scales(
    weights: np.ndarray, scales: np.ndarray, bias: np.ndarray, largest: int
) -> SumScales:
    """The constants of a layer.

    Args:
        weights: int8 (channels, products an output), whose sums with anything are below 2^30.
        scales: float32 (channels,) or (1,), positive.
        bias: float32 (channels,), finite.
        largest: of the integers that weights are multiplied with.
    """
    _, exponent = math.frexp(float(scales.max()))
    real = scales.astype(np.float64) * 2.0 ** (31 - exponent)
    multiplier = np.minimum(np.floor(real + 0.5), INT32_MAX).astype(np.int64)
    reach = largest * int(np.abs(weights.astype(np.int64)).sum(axis=1).max())
    most = float(np.abs(bias).max())
    bias_exponent = math.frexp(most)[1] - _BIAS_BITS if most else -(1 << 15)
    real = bias.astype(np.float64) * (2.0**-bias_exponent if most else 0.0)
    integers = (np.sign(real) * np.floor(np.abs(real) + 0.5)).astype(np.int64)
    return SumScales(multiplier, SUM_BITS - reach.bit_length(), exponent, integers, bias_exponent)


def limit(whole: int | None, exponent: int) -> int | None:
    """A whole number with an exponent, cut off at 32 bits; None stays None."""
    if not whole:
        return whole
    if exponent >= 0:
        magnitude = int(right(abs(whole), exponent))
    else:
        magnitude = min(abs(whole) << min(-exponent, 31), INT32_MAX)
    return magnitude if whole > 0 else -magnitude


def limited(
    numbers: np.ndarray, exponent: int, limits: tuple[float | None, float | None]
) -> np.ndarray:
    """Numbers within the limits of a fused activation, which are whole numbers or None."""
    low, high = (limit(None if one is None else int(one), exponent) for one in limits)
    return numbers if low is None and high is None else np.clip(numbers, low, high)


def of_sums(
    sums: np.ndarray,
    exponent: int,
    scales: SumScales,
    limits: tuple[float | None, float | None],
    largest: int = SIGNED,
) -> Block:
    """The output of a layer, of its sums.

    Args:
        sums: of products of the input's integers with weights, channels last.
        exponent: the input's.
        scales: the layer's.
        limits: of its fused activation.
        largest: of the output.
    """
    scaled = multiply_high(sums << scales.left, scales.multiplier)
    of_products = exponent + scales.exponent - scales.left
    common = max(of_products, scales.bias_exponent)
    biases = right(scales.bias, common - scales.bias_exponent)
    numbers = right(scaled, common - of_products) + biases
    return written(limited(numbers, common, limits), common, largest)


def mean_left(count: int, largest: int) -> int:
    """Bits that a sum of so many integers is shifted by before it is divided."""
    return SUM_BITS - (largest * count).bit_length()


def of_means(
    sums: np.ndarray,
    counts: np.ndarray,
    exponent: int,
    left: int,
    limits: tuple[float | None, float | None],
    largest: int = SIGNED,
) -> Block:
    """Sums divided by how many values they are of.

    Args:
        sums: of integers.
        counts: of the same shape, or broadcast to it.
        exponent: of the integers.
        left: of the largest window, see `mean_left`.
        limits: of the fused activation.
        largest: of the output.
    """
    wide = sums << left
    means = np.sign(wide) * ((np.abs(wide) + counts // 2) // counts)
    return written(limited(means, exponent - left, limits), exponent - left, largest)


def added(
    a: Block, b: Block, limits: tuple[float | None, float | None], largest: int = SIGNED
) -> Block:
    """The sum of two tensors of one shape, within limits."""
    larger = max(a.exponent, b.exponent)
    numbers = sum(right(one.values << _ADDED_BITS, larger - one.exponent) for one in (a, b))
    exponent = larger - _ADDED_BITS
    return written(limited(np.asarray(numbers), exponent, limits), exponent, largest)


def clamped(
    block: Block, limits: tuple[float | None, float | None], largest: int = SIGNED
) -> Block:
    """A tensor within limits."""
    return written(limited(block.values, block.exponent, limits), block.exponent, largest)


def power_table() -> np.ndarray:
    """int64 (65,): 2^(-i / 64) in Q11.20."""
    steps = np.arange((1 << _INDEX_BITS) + 1) / (1 << _INDEX_BITS)
    return np.floor(2.0 ** (_POWER_BITS - steps) + 0.5).astype(np.int64)


def decay_multiplier(beta: float) -> tuple[int, int]:
    """beta / ln 2 as (q, shift): q * 2^(shift - 31).

    Raises:
        UndefinedError: beta is negative, not finite, or too large.
    """
    return quantize_multiplier(beta / math.log(2))


def softmax(block: Block, beta: float) -> Block:
    """exp(beta * x) / sum along the last axis."""
    below = block.values.max(axis=-1, keepdims=True) - block.values
    powers = _decay(below, block.exponent, beta)
    reciprocals = (1 << _RECIPROCAL_BITS) // powers.sum(axis=-1, keepdims=True)
    return written(multiply_high(powers << 10, reciprocals), _SOFTMAX_EXPONENT, UNSIGNED)


def logistic(block: Block) -> Block:
    """1 / (1 + exp(-x))."""
    powers = _decay(np.abs(block.values), block.exponent, 1.0)
    above = (1 << _RECIPROCAL_BITS) // ((1 << _POWER_BITS) + powers)
    one = 1 << -_LOGISTIC_EXPONENT
    numbers = np.where(block.values < 0, one - above, above)
    return written(numbers, _LOGISTIC_EXPONENT, UNSIGNED)


def _decay(differences: np.ndarray, exponent: int, beta: float) -> np.ndarray:
    """exp(-beta * difference * 2^exponent) in Q11.20, for differences in 0..255."""
    multiplier, shift = decay_multiplier(beta)
    left = shift + exponent + _STEP_BITS - _DIFFERENCE_BITS
    steps = multiply_high(differences << _DIFFERENCE_BITS, multiplier)
    steps = right(steps, -left) if left < 0 else steps << min(left, 31)
    steps = np.minimum(steps, 31 << _STEP_BITS)
    table = power_table()
    index = (steps >> _FRACTION_BITS) & ((1 << _INDEX_BITS) - 1)
    fraction = steps & ((1 << _FRACTION_BITS) - 1)
    fall = ((table[index] - table[index + 1]) * fraction) >> _FRACTION_BITS
    return right(table[index] - fall, steps >> _STEP_BITS)
