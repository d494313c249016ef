"""Activations that a kernel applies to its result by clamping it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tfedge.quantization.fixed_point import round_away
from tfedge.quantization.grids import QuantParams


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

    def clamp(self, steps: Any, grid: QuantParams) -> Any:
        """Steps within the limits and the grid: CalculateActivationRangeQuantized."""
        low, high = grid.step_limits()
        if self.low is not None:
            low = tf.maximum(low, _step(self.low, grid))
        if self.high is not None:
            high = tf.minimum(high, _step(self.high, grid))
        return tf.clip_by_value(steps, low, high)


NONE = FusedActivation()
RELU = FusedActivation(0.0, None, keras.ops.relu)
RELU6 = FusedActivation(0.0, 6.0, keras.ops.relu6)


def _step(limit: float, grid: QuantParams) -> Any:
    if not limit:
        return tf.constant(0.0)
    return tf.cast(round_away(tf.cast(limit / grid.scale, tf.float64)), tf.float32)
