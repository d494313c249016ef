"""Which integers a tensor of real numbers stands for, and how a tensor says so.

A *grid* is a scale and a zero point: real = scale * (integer - zero_point). Between quantised
layers real numbers travel, as between any Keras layers; the grid that they lie on goes with them
as an attribute of the tensor, the way Keras lets masks travel. Whatever makes a new tensor drops
the grid, so a number never claims a grid that it is not on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from tfedge.quantization import policy
from tfedge.quantization.fixed_point import divided, round_away

_ATTRIBUTE = "_tfedge_grid"
_SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class ActivationGrid:
    """The integers of one activation.

    Attributes:
        scale: float32 scalar tensor.
        zero_point: float64 scalar tensor that holds an integer.
        low, high: the smallest and the largest integer.
        owner: whose range made the grid; two grids of one owner are the same.
        other: of a number of bits, the grid that covers the same range with so many.
    """

    scale: Any
    zero_point: Any
    low: int
    high: int
    owner: Any = None
    other: Callable[[int], ActivationGrid] | None = None

    @property
    def bits(self) -> int:
        """Of an integer."""
        return (self.high + 1).bit_length()

    def in_width(self, bits: int) -> ActivationGrid:
        """The grid to which the converter moves these numbers for a kernel of another width."""
        return self if bits == self.bits or self.other is None else self.other(bits)

    def integers(self, x: Any) -> Any:
        """The nearest integers to real `x`, as float64 within [low, high]; ties away from zero.

        Source: QUANTIZE of TFLite Micro, whose quotient is float32.
        """
        steps = round_away(tf.cast(tf.cast(x, tf.float32) / self.scale, tf.float64))
        return self.clamp(steps + self.zero_point)

    def clamp(self, integers: Any) -> Any:
        """Integers within [low, high]."""
        return tf.clip_by_value(integers, float(self.low), float(self.high))

    def real(self, integers: Any) -> Any:
        """The float32 numbers that float64 integers stand for; they carry this grid."""
        return carry(tf.cast(integers - self.zero_point, tf.float32) * self.scale, self)

    def real_limits(self) -> tuple[Any, Any]:
        """The smallest and the largest real number of the grid."""
        low, high = (
            tf.cast(limit - self.zero_point, tf.float32) * self.scale
            for limit in (self.low, self.high)
        )
        return low, high


def carry(x: Any, grid: ActivationGrid | None) -> Any:
    """`x`, which says from now on that its numbers lie on `grid`."""
    if grid is not None:
        setattr(x, _ATTRIBUTE, grid)
    return x


def grid_of(x: Any) -> ActivationGrid | None:
    """The grid that `x` carries, if any."""
    return getattr(x, _ATTRIBUTE, None)


def grid_of_range(low: Any, high: Any, bits: int) -> ActivationGrid:
    """The grid that covers [low, high], float32 scalars with low <= high.

    Asymmetric for 8 bits, symmetric for 16. The arithmetic, down to its roundings, is that of
    TensorFlow's converter and of ours, so that both sides get the same grid from the same range.
    """
    if bits == 16:
        return _symmetric_grid(tf.maximum(tf.abs(low), tf.abs(high)))
    integer_low, integer_high = -128, 127
    low, high = tf.minimum(low, 0.0), tf.maximum(high, 0.0)
    scale = divided(high - low, integer_high - integer_low)
    empty = scale < _SMALLEST_NORMAL
    scale = tf.where(empty, 1.0, scale)
    exact = integer_low - tf.cast(low, tf.float64) / tf.cast(scale, tf.float64)
    rounded = round_away(tf.cast(tf.cast(exact, tf.float32), tf.float64))
    zero_point = tf.clip_by_value(rounded, float(integer_low), float(integer_high))
    zero_point = tf.where(empty, tf.zeros_like(zero_point), zero_point)
    return ActivationGrid(scale, zero_point, integer_low, integer_high)


def _symmetric_grid(largest: Any) -> ActivationGrid:
    limit = 2**15 - 1
    scale = divided(largest, limit)
    scale = tf.where(scale < _SMALLEST_NORMAL, 1.0, scale)
    return ActivationGrid(scale, tf.constant(0.0, tf.float64), -limit - 1, limit)


def fixed_grid(code: str, bits: int) -> ActivationGrid:
    """The grid that the kernel of operator `code` prescribes for its result."""
    grids = policy.OPERATORS[code].fixed
    if bits == 16:
        scale, zero_point, low, high = 2.0**-15, 0, -(2**15), 2**15 - 1
    else:
        fixed = grids[policy.INT8]
        scale, zero_point, low, high = fixed.scale, fixed.zero_point, -128, 127
    return ActivationGrid(
        tf.constant(scale, tf.float32),
        tf.constant(float(zero_point), tf.float64),
        low,
        high,
        other=partial(fixed_grid, code),
    )
