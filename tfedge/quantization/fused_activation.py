"""Activations that a kernel applies to its result by clamping it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tfedge.quantization.fixed_point import round_away
from tfedge.quantization.grids import ActivationGrid


@dataclass(frozen=True)
class FusedActivation:
    """Real limits of a result; None is no limit.

    Attributes:
        low, high: the limits.
        function: the same in float, as Keras has it, so that the converter recognises it.
    """

    low: float | None = None
    high: float | None = None
    function: Callable[[Any], Any] = keras.activations.linear

    def clamp(self, integers: Any, grid: ActivationGrid) -> Any:
        """Integers within the limits and the grid: CalculateActivationRangeQuantized."""
        if self.low is not None:
            integers = tf.maximum(integers, _integer(self.low, grid))
        if self.high is not None:
            integers = tf.minimum(integers, _integer(self.high, grid))
        return grid.clamp(integers)


NONE = FusedActivation()
RELU = FusedActivation(0.0, None, keras.ops.relu)
RELU6 = FusedActivation(0.0, 6.0, keras.ops.relu6)


def _integer(limit: float, grid: ActivationGrid) -> Any:
    steps = tf.cast(tf.constant(limit, tf.float32) / grid.scale, tf.float64)
    return round_away(steps) + grid.zero_point
