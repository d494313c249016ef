"""Which integers a tensor of real numbers stands for, and how a tensor says so.

A *grid* is a scale and a zero point: real = scale * (integer - zero_point). Between quantised
layers real numbers travel, as between any Keras layers; the grid that they lie on goes with them
as an attribute of the tensor, the way Keras lets masks travel. Whatever makes a new tensor drops
the grid, so a number never claims a grid that it is not on.

Kernels of inference compute with *steps*, integers less their zero point. A tensor that they made
carries its steps too, so that the next kernel need not find them again by division.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf

from tfedge.quantization import policy
from tfedge.quantization.activation_types import ACTIVATION_TYPES, ActivationType
from tfedge.quantization.affine_tensors import scale_and_zero_point
from tfedge.quantization.fixed_point import round_away
from tfedge.quantization.traced_once import traced_once

_GRID, _STEPS = "_tfedge_grid", "_tfedge_steps"


@dataclass(frozen=True)
class QuantParams:
    """The integers of one activation.

    Attributes:
        scale: float32 scalar tensor.
        zero_point: float32 scalar tensor that holds an integer.
        type: what the integers are.
        owner: whose range made the grid; two grids of one owner are the same.
        other: of a number of bits, the grid that covers the same range with so many.
    """

    scale: Any
    zero_point: Any
    type: ActivationType
    owner: Any = None
    other: Callable[[int], QuantParams] | None = None

    @property
    def bits(self) -> int:
        """Bits of an integer on the grid."""
        return self.type.bits

    def with_bits(self, bits: int) -> QuantParams:
        """The grid to which the converter moves these numbers for a kernel of another width."""
        return self if bits == self.bits or self.other is None else self.other(bits)

    def is_of(self, other: QuantParams) -> bool:
        """Whether both are certainly the same grid."""
        return self is other or (self.owner is not None and self.owner is other.owner
                                 and self.type is other.type)  # fmt: skip

    def steps(self, x: Any) -> Any:
        """The nearest steps to real `x`, as float32 within the grid; ties away from zero.

        Source: QUANTIZE of TFLite Micro, whose quotient is float32.
        """
        known = getattr(x, _STEPS, None)
        own = grid_of(x)
        if known is not None and own is not None and own.is_of(self):
            return known
        steps = _nearest(tf.cast(x, tf.float32), self.scale, *self.step_limits())
        steps.set_shape(x.shape)
        return steps

    def step_limits(self) -> tuple[Any, Any]:
        """The smallest and the largest step."""
        return self.type.least - self.zero_point, self.type.high - self.zero_point

    def clamp(self, steps: Any) -> Any:
        """Steps within the grid."""
        return tf.clip_by_value(steps, *self.step_limits())

    def real(self, steps: Any) -> Any:
        """The float32 numbers that float32 steps stand for; they carry this grid and the steps."""
        x = carry(steps * self.scale, self)
        setattr(x, _STEPS, steps)
        return x

    def rounded(self, x: Any) -> Any:
        """The numbers of the grid that are nearest to real `x`."""
        return self.real(self.steps(x))

    def real_limits(self) -> tuple[Any, Any]:
        """The smallest and the largest real number of the grid."""
        low, high = (limit * self.scale for limit in self.step_limits())
        return low, high


def carry(x: Any, grid: QuantParams | None) -> Any:
    """`x`, which says from now on that its numbers lie on `grid`."""
    if grid is not None:
        setattr(x, _GRID, grid)
        if hasattr(x, _STEPS):
            delattr(x, _STEPS)
    return x


def grid_of(x: Any) -> QuantParams | None:
    """The grid that `x` carries, if any."""
    return getattr(x, _GRID, None)


def grid_of_range(low: Any, high: Any, bits: int) -> QuantParams:
    """The grid that covers [low, high], float32 scalars with low <= high.

    The rule is that of `affine`, so that training and conversion get the same grid from the same
    range.
    """
    activation_type = ACTIVATION_TYPES[bits]
    scale, zero_point = scale_and_zero_point(low, high, activation_type)
    return QuantParams(scale, zero_point, activation_type)


@traced_once(tf.float32, tf.float32, tf.float32, tf.float32)
def _nearest(x: Any, scale: Any, low: Any, high: Any) -> Any:
    # In float64, for one half added to the float32 below it would be rounded up to 1.
    steps = tf.cast(round_away(tf.cast(x / scale, tf.float64)), tf.float32)
    # Integers have no negative zero, whose reciprocal would be at the other end.
    return tf.clip_by_value(tf.where(tf.equal(steps, 0.0), 0.0, steps), low, high)


def fixed_grid(code: str, bits: int) -> QuantParams:
    """The grid that the kernel of operator `code` prescribes for its result."""
    activation_type = ACTIVATION_TYPES[bits]
    fixed = policy.OPERATORS[code].fixed[activation_type.element]
    return QuantParams(
        tf.constant(fixed.scale, tf.float32),
        tf.constant(float(fixed.zero_point), tf.float32),
        activation_type,
        other=partial(_fixed_with_bits, code),
    )


def _fixed_with_bits(code: str, bits: int) -> QuantParams:
    """The same in another width: of the same range where no kernel prescribes one."""
    if ACTIVATION_TYPES[bits].element in policy.OPERATORS[code].fixed:
        return fixed_grid(code, bits)
    known = next(width for width in ACTIVATION_TYPES if width != bits)
    return grid_of_range(*fixed_grid(code, known).real_limits(), bits)
