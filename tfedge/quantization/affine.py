"""The rules of affine quantisation: which scale and zero point numbers get, and which integers.

real = scale * (integer - zero_point). The arithmetic, down to its float32 roundings and its ties
away from zero, is that of TensorFlow's converter, so that the same ranges give the same file.
Training and conversion both follow these rules, in NumPy; `affine_tensors` has those in TensorFlow
that graphs compute, and tests compare them bit for bit.
"""

from __future__ import annotations

import math

import numpy as np

from tfedge.quantization.activation_types import INT16, ActivationType
from tfedge.quantization.policy import ROOT_HEADROOM

# Biases stay below half of int32, which leaves the accumulator room for the products. Kernels for
# int16 have wider ones, but TensorFlow's converter does the same there, and it keeps their
# multipliers in the range that they can shift by.
BIAS_MAX = (2**31 - 1) // 2

# Smaller scales are none: kernels would multiply by huge factors, and overflow.
SMALLEST_SCALE = float(np.finfo(np.float32).tiny)

# LiteRT computes wrongly with a cell of more, where tanh is 1 anyway.
MOST_INTEGER_BITS = 6


def scale_and_zero_point(
    low: float, high: float, activation_type: ActivationType
) -> tuple[np.float32, int]:
    """The scale and zero point that cover a range of real values.

    The range is extended to include 0, which is then represented exactly, as padding needs it; a
    symmetric one to as much on either side of 0. A tensor that has only ever been 0 gets scale 1
    and zero point 0.

    Args:
        low, high: the range, finite, low <= high; beyond float32 the scale is infinite.
        activation_type: the integers.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if activation_type.symmetric:
        low, high = -max(-low, high), max(-low, high)
    with np.errstate(over="ignore", invalid="ignore"):
        narrow_low, narrow_high = np.float32(low), np.float32(high)
        scale = (narrow_high - narrow_low) / np.float32(activation_type.steps)
    if scale < SMALLEST_SCALE:
        return np.float32(1.0), 0
    if activation_type.symmetric or not np.isfinite(scale):
        return scale, 0
    zero_point = round_away(np.float32(activation_type.low - float(narrow_low) / float(scale)))
    return scale, int(np.clip(zero_point, activation_type.low, activation_type.high))


def integer_bits(low: float, high: float) -> int:
    """Bits before the point of the least power of two that holds a range.

    From 0, for [-1, 1], as finer steps than those of sigmoid and tanh add nothing, to
    MOST_INTEGER_BITS, at which the range is cut.

    Args:
        low, high: the range, finite.
    """
    largest = max(abs(low), abs(high), 1.0)
    return min(math.ceil(math.log2(largest)), MOST_INTEGER_BITS)


def reciprocal_root_end(result_high: float, operand_high: float) -> float:
    """Where the grid of a reciprocal root of 16 bits ends.

    At what was seen, with headroom for operands that are smaller than any that were; but not above
    the root of the smallest one that can be told from 0.

    Args:
        result_high, operand_high: the upper ends of the ranges that were seen, above 0.
    """
    return min(ROOT_HEADROOM * result_high, math.sqrt(INT16.high / operand_high))


def weight_scale(weights: np.ndarray, axis: int | None, limit: int) -> np.ndarray:
    """The symmetric scale that puts the largest magnitude on `limit`.

    Args:
        weights: float32 constant.
        axis: dimension along which every channel has its own scale; None for one scale in all.
        limit: the largest integer.

    Returns:
        float32 array of shape (channels,) or (1,). A channel of zeros has scale 0, which
        `accumulator_scales` replaces.
    """
    others = tuple(dimension for dimension in range(weights.ndim) if dimension != axis)
    largest = np.abs(weights).max(axis=others, initial=0).reshape(-1).astype(np.float32)
    return largest / np.float32(limit)


def largest_biases(bias: np.ndarray | None, scales: int) -> np.ndarray:
    """Return the magnitudes of biases that `accumulator_scales` makes room for, one a scale.

    Args:
        bias: float32 (channels,), or None for zeros.
        scales: how many scales the weights have: one for each channel, or 1.
    """
    if bias is None:
        return np.zeros(scales)
    magnitude = np.abs(bias).astype(np.float64)
    return magnitude.max(initial=0, keepdims=True) if scales == 1 else magnitude


def accumulator_scales(
    weight: np.ndarray, input_scale: np.float32, largest_bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scales of weights and bias, such that the bias fits and no scale is 0.

    The bias has the scale of the products: input scale times weight scale. Where the weights of a
    channel are so small beside its bias that the bias would overflow, both scales are enlarged, as
    TensorFlow's converter does. The weights then use fewer of their integers, but half a step of
    one of them moves the sum by less than 2**-22 of the bias. A channel of zeros has no scale of
    its own and gets one from its bias in the same way, or 1 if that is 0 too.

    Weights that have been given such a scale keep it if the rule is applied again.

    Args:
        weight: float32 (channels,) or (1,), from `weight_scale`.
        input_scale: the scale of the operand that the weights are multiplied with.
        largest_bias: float64 of the same shape, from `largest_biases`.

    Returns:
        Two float32 arrays of the shape of `weight`: scales of the weights and of the bias.
    """
    product = weight * input_scale
    needed = largest_bias / BIAS_MAX
    dead = (product < SMALLEST_SCALE) & (needed < SMALLEST_SCALE)
    enlarged = needed > product.astype(np.float64)
    with np.errstate(over="ignore"):
        weight = np.where(enlarged, (needed / float(input_scale)).astype(np.float32), weight)
    product = np.where(enlarged, needed.astype(np.float32), product)
    return np.where(dead, np.float32(1), weight), np.where(dead, input_scale, product)


def quantize_symmetric(values: np.ndarray, scale: np.ndarray, axis: int, limit: int) -> np.ndarray:
    """Nearest integers of values / scale, within [-limit, limit].

    Multiplies by the float32 reciprocal, as TensorFlow's converter does.

    Args:
        values: float32 constant.
        scale: float32 (channels,) along `axis`, or (1,).
        axis: the dimension of the channels.
        limit: largest magnitude.

    Returns:
        float64 array of integers of the shape of `values`.
    """
    inverse = reciprocal(scale)
    return np.clip(round_away(values * along(inverse, axis, values.ndim)), -limit, limit)


def quantize_bias(bias: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Nearest integers of a bias at the scale that `accumulator_scales` gave it, as float64.

    Args:
        bias: float32 constant.
        scale: float32 (channels,), or (1,).
    """
    # Rounding a value that was put on BIAS_MAX exactly may give one more.
    return quantize_symmetric(bias, scale, 0, BIAS_MAX + 1)


def reciprocal(scale: np.ndarray) -> np.ndarray:
    """1 / scale in float32, rounded once."""
    return (1.0 / scale.astype(np.float64)).astype(np.float32)


def along(scale: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """Scales of channels, shaped to broadcast against a constant of this rank."""
    shape = [1] * rank
    if scale.size > 1:
        shape[axis] = scale.size
    return scale.reshape(shape)


def round_away(values: np.ndarray | np.floating) -> np.ndarray:
    """Nearest integers as float64, ties away from zero, as C's round()."""
    wide = np.asarray(values, np.float64)
    whole = np.trunc(wide)
    return whole + np.where(np.abs(wide - whole) >= 0.5, np.sign(wide), 0.0)
