"""The int8 kernels whose results inference reproduces bit for bit.

Every function takes float64 integers with their grids, and returns float64 integers on the
result's grid, before they are clamped. Source: TFLite Micro's reference kernels; every rescaling
rounds twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfedge.quantization.fixed_point import quantize_multiplier, requantize, round_away
from tfedge.quantization.grids import ActivationGrid

# That ADD and SUB put behind operands, by the width of the result.
_ADD_FRACTION_BITS = {8: 20, 16: 15}
# Moves a tie of two integers that arithmetic in float64 may have missed by an ulp.
_TIE = 1e-9


def accumulated(sums: Any, real: Any, output: ActivationGrid) -> Any:
    """Sums of products, times float64 multipliers `real`, on the output's grid."""
    rescaled = requantize(_whole(sums), *quantize_multiplier(real))
    return tf.cast(rescaled, tf.float64) + output.zero_point


def rescale(x: Any, grid: ActivationGrid, output: ActivationGrid) -> Any:
    """QUANTIZE from one grid to another, and RELU."""
    return accumulated(x - grid.zero_point, _double(grid) / _double(output), output)


def add(operands: Sequence[tuple[Any, ActivationGrid]], output: ActivationGrid) -> Any:
    """ADD of two operands, with broadcasting."""
    return _sum(operands, output, 1)


def subtract(operands: Sequence[tuple[Any, ActivationGrid]], output: ActivationGrid) -> Any:
    """SUB of two operands, with broadcasting."""
    return _sum(operands, output, -1)


def _sum(operands: Sequence[tuple[Any, ActivationGrid]], output: ActivationGrid, sign: int) -> Any:
    fraction = _ADD_FRACTION_BITS[output.bits]
    common = 2.0 * tf.maximum(_double(operands[0][1]), _double(operands[1][1]))
    first, second = (
        requantize(
            _whole(x - grid.zero_point) * (1 << fraction),
            *quantize_multiplier(_double(grid) / common),
        )
        for x, grid in operands
    )
    real = common / (float(1 << fraction) * _double(output))
    return accumulated(tf.cast(first + sign * second, tf.float64), real, output)


def products(function: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    """The kernel of a function that multiplies two operands and sums up: MUL, BATCH_MATMUL."""

    def kernel(operands: Sequence[tuple[Any, ActivationGrid]], output: ActivationGrid) -> Any:
        (a, a_grid), (b, b_grid) = operands
        real = _double(a_grid) * _double(b_grid) / _double(output)
        sums = function([a - a_grid.zero_point, b - b_grid.zero_point])
        return accumulated(sums, real, output)

    return kernel


multiply = products(lambda operands: operands[0] * operands[1])


def mean(
    x: Any, grid: ActivationGrid, output: ActivationGrid, axes: Sequence[int], keeps: bool
) -> Any:
    """MEAN over `axes`, kept with size 1 or dropped; the count divides the integer multiplier."""
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    sums = tf.reduce_sum(x - grid.zero_point, axis=list(axes), keepdims=keeps)
    multiplier, shift = quantize_multiplier(_double(grid) / _double(output))
    extra = tf.minimum(tf.constant(min(count.bit_length() - 1, 32), tf.int64), 31 + shift)
    multiplier = tf.bitwise.left_shift(multiplier, extra) // count
    rescaled = requantize(_whole(sums), multiplier, shift - extra)
    return tf.cast(rescaled, tf.float64) + output.zero_point


def average(means: Any) -> Any:
    """AVERAGE_POOL_2D, from means of integers that are float64: ties away from zero."""
    return round_away(means + tf.sign(means) * _TIE)


def _double(grid: ActivationGrid) -> Any:
    return tf.cast(grid.scale, tf.float64)


def _whole(x: Any) -> Any:
    """float64 that are integers but for rounding errors, as int64."""
    return tf.cast(tf.round(x), tf.int64)
