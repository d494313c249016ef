"""The integer kernels whose results inference reproduces bit for bit.

Every function takes float32 steps, integers less their zero point, with their grids, and returns
float32 steps on the result's grid, before they are clamped. What differs between types of
activations is read off the grids. Source: TFLite Micro's reference kernels.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfedge.quantization.activation_types import Rescaling
from tfedge.quantization.fixed_point import (
    PREPARED,
    REQUANTIZED,
    Multiplier,
    quantize_multiplier,
    requantize_twice,
    round_away,
    rounding_twice,
)
from tfedge.quantization.grids import QuantParams, grid_of_range
from tfedge.quantization.traced_once import traced_once

# Moves a tie of two integers that arithmetic in float64 may have missed by an ulp.
_TIE = 1e-9
# float32 holds all integers below.
_EXACT_BELOW = 1 << 24

# Steps and their grid.
Operand = tuple[Any, QuantParams]


def accumulated(sums: Any, by: Multiplier, rescaling: Rescaling) -> Any:
    """int64 sums of products on the output's grid, by a prepared multiplier."""
    return _shaped(_ACCUMULATED[rescaling](sums, *by), sums)


def _accumulated(rescaling: Rescaling) -> Callable[..., Any]:
    @traced_once(*5 * [tf.int64])
    def steps(sums: Any, *by: Any) -> Any:
        return tf.cast(REQUANTIZED[rescaling](sums, Multiplier(*by)), tf.float32)

    return steps


_ACCUMULATED = {rescaling: _accumulated(rescaling) for rescaling in Rescaling}


def _rescaled(rescaling: Rescaling) -> Callable[..., Any]:
    @traced_once(tf.int64, tf.float64)
    def steps(sums: Any, real: Any) -> Any:
        by = PREPARED[rescaling](*quantize_multiplier(real))
        return tf.cast(REQUANTIZED[rescaling](sums, by), tf.float32)

    return steps


_RESCALED = {rescaling: _rescaled(rescaling) for rescaling in Rescaling}


def _scaled(sums: Any, real: Any, rescaling: Rescaling = Rescaling.TWICE) -> Any:
    """int64 sums times a float64 multiplier."""
    return _shaped(_RESCALED[rescaling](sums, real), sums)


def rescale(x: Any, grid: QuantParams, output: QuantParams) -> Any:
    """QUANTIZE from one grid to another, and RELU."""
    return _scaled(_whole(x), _double(grid) / _double(output))


def add(operands: Sequence[Operand], output: QuantParams) -> Any:
    """ADD of two operands, with broadcasting."""
    return _sum(operands, output, 1)


def subtract(operands: Sequence[Operand], output: QuantParams) -> Any:
    """SUB of two operands, with broadcasting."""
    return _sum(operands, output, -1)


def _sum(operands: Sequence[Operand], output: QuantParams, sign: int) -> Any:
    (a, a_grid), (b, b_grid) = operands
    unit = tf.constant(1 << output.type.add_fraction_bits, tf.int64)
    scales = a_grid.scale, b_grid.scale, output.scale
    result = _linear(a, b, *scales, unit, tf.constant(sign, tf.int64))
    result.set_shape(tf.broadcast_static_shape(a.shape, b.shape))
    return result


@traced_once(*5 * [tf.float32], tf.int64, tf.int64)
def _linear(a: Any, b: Any, a_scale: Any, b_scale: Any, scale: Any, unit: Any, sign: Any) -> Any:
    """a + sign * b: on twice the larger scale first, with fraction bits, then on the output's."""
    a_scale, b_scale, scale = (tf.cast(value, tf.float64) for value in (a_scale, b_scale, scale))
    common = 2.0 * tf.maximum(a_scale, b_scale)
    first, second = (
        requantize_twice(_whole(x) * unit, rounding_twice(*quantize_multiplier(operand / common)))
        for x, operand in ((a, a_scale), (b, b_scale))
    )
    real = common / (tf.cast(unit, tf.float64) * scale)
    by = rounding_twice(*quantize_multiplier(real))
    return tf.cast(requantize_twice(first + sign * second, by), tf.float32)


def multiply(operands: Sequence[Operand], output: QuantParams) -> Any:
    """MUL of two operands, with broadcasting."""
    (a, a_grid), (b, b_grid) = operands
    real = _double(a_grid) * _double(b_grid) / _double(output)
    return _scaled(_whole(a) * _whole(b), real)


def products(function: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    """The kernel of a function that sums up products of two operands: BATCH_MATMUL."""

    def kernel(operands: Sequence[Operand], output: QuantParams) -> Any:
        (a, a_grid), (b, b_grid) = operands
        sums = _whole(tf.round(function([tf.cast(x, tf.float64) for x in (a, b)])))
        real = _double(a_grid) * _double(b_grid) / _double(output)
        return _scaled(sums, real, output.type.sums)

    return kernel


def mean(x: Any, grid: QuantParams, output: QuantParams, axes: Sequence[int], keeps: bool) -> Any:
    """MEAN over `axes`, kept with size 1 or dropped; the count divides the integer multiplier."""
    sums, count = _sums(x, grid, axes, keeps), _count(x, axes)
    real = _double(grid) / _double(output)
    return _shaped(_share(sums, real, tf.constant(count, tf.int64)), sums)


def _sums(x: Any, grid: QuantParams, axes: Sequence[int], keeps: bool) -> Any:
    exact = tf.float32 if _count(x, axes) * grid.type.largest_step < _EXACT_BELOW else tf.float64
    return _whole(tf.reduce_sum(tf.cast(x, exact), axis=list(axes), keepdims=keeps))


def _count(x: Any, axes: Sequence[int]) -> int:
    return math.prod(x.shape[axis] for axis in axes)


@traced_once(tf.int64, tf.float64, tf.int64)
def _share(sums: Any, real: Any, count: Any) -> Any:
    """A `count`-th of sums times a multiplier: the multiplier, made as wide as fits, is divided."""
    multiplier, shift = quantize_multiplier(real)
    _, bits = quantize_multiplier(tf.cast(count, tf.float64))
    extra = tf.minimum(tf.minimum(bits - 1, tf.constant(32, tf.int64)), 31 + shift)
    by = rounding_twice(tf.bitwise.left_shift(multiplier, extra) // count, shift - extra)
    return tf.cast(requantize_twice(sums, by), tf.float32)


def average(means: Any) -> Any:
    """AVERAGE_POOL_2D, from means of integers that are float64: ties away from zero."""
    return round_away(means + tf.sign(means) * _TIE)


def leaky_relu(x: Any, grid: QuantParams, output: QuantParams, slope: float) -> Any:
    """LEAKY_RELU: x, or slope * x for negative x, each with a multiplier of its own."""
    steps, sign = _whole(x), math.copysign(1.0, slope)
    negative = _double(grid) * float(np.float32(abs(slope))) / _double(output)
    below = sign * _scaled(steps, negative)
    return tf.where(x < 0, below, _scaled(steps, _double(grid) / _double(output)))


def total(x: Any, grid: QuantParams, output: QuantParams, axes: Sequence[int], keeps: bool) -> Any:
    """SUM over `axes`, kept with size 1 or dropped."""
    return rescale(_sums(x, grid, axes, keeps), grid, output)


def prelu(x: Any, grid: QuantParams, output: QuantParams, slopes: Any) -> Any:
    """PRELU: x, or slopes * x for negative x, each with a multiplier of its own."""
    b, b_grid = constant(slopes, grid.bits)
    return tf.where(x < 0, multiply([(x, grid), (b, b_grid)], output), rescale(x, grid, output))


def constant(value: Any, bits: int) -> Operand:
    """A constant, as the converter puts it on the grid of its values."""
    value = tf.convert_to_tensor(value, tf.float32)
    low, high = tf.reduce_min(value), tf.reduce_max(value)
    grid = grid_of_range(tf.minimum(low, 0.0), tf.maximum(high, 0.0), bits)
    return constant_steps(value, grid), grid


def zeros_on(grid: QuantParams, constant: Operand) -> Operand:
    """A constant that is added, which is on the result's grid where all of it is 0."""
    steps, own = constant
    scale = tf.where(tf.reduce_any(tf.not_equal(steps, 0.0)), own.scale, grid.scale)
    return steps, dataclasses.replace(own, scale=scale)


def constant_steps(value: Any, grid: QuantParams) -> Any:
    """A constant, as the converter puts it on a grid; numbers that are on it stay."""
    steps = _constant_steps(value, grid.scale, grid.zero_point, *grid.step_limits())
    return _shaped(steps, value)


@traced_once(*5 * [tf.float32])
def _constant_steps(value: Any, scale: Any, zero_point: Any, low: Any, high: Any) -> Any:
    """Round as the converter does: in float64, the zero point included."""
    value, scale, zero_point = (tf.cast(x, tf.float64) for x in (value, scale, zero_point))
    steps = round_away(value / scale + zero_point) - zero_point
    return tf.clip_by_value(tf.cast(steps, tf.float32), low, high)


def _shaped(result: Any, like: Any) -> Any:
    result.set_shape(like.shape)
    return result


def _double(grid: QuantParams) -> Any:
    return tf.cast(grid.scale, tf.float64)


def _whole(x: Any) -> Any:
    """Integers in floats as int64."""
    return tf.cast(x, tf.int64)
