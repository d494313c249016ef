"""Observers: records of the values that a tensor takes during calibration."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfedge.calibration.ranges import Range
from tfedge.quantization.activation_types import ActivationType

State = dict[str, np.ndarray]

_EXTREMES, _AVERAGE = "extremes", "average"

# What training's moving average keeps of its past, too.
_DECAY = 0.99


class Observer:
    """Observer of a tensor's values, which it condenses, sample by sample, to a range.

    Subclasses say how in `range`, and extend the other methods by what else they remember.

    Attributes:
        minimum_samples: how many samples make its range worth having.
        low, high: the smallest and largest value ever seen; infinite before there was any.
    """

    minimum_samples = 1

    def __init__(self) -> None:
        self.low = np.inf
        self.high = -np.inf

    def update(self, values: np.ndarray, low: float, high: float) -> None:
        """Take in one sample.

        Args:
            values: finite float32, of the tensor's shape, at least one; valid only during the call.
            low, high: the smallest and the largest of them.
        """
        self.low, self.high = min(self.low, low), max(self.high, high)

    def range(self, activation_type: ActivationType) -> Range:
        """The range of real values that integers should cover, after at least one sample.

        Args:
            activation_type: the integers.
        """
        raise NotImplementedError

    def state(self) -> State:
        """Everything that it remembers, as arrays of numbers."""
        return {_EXTREMES: np.array([self.low, self.high])}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Remember what `state` gave, instead of what it has seen itself.

        Raises:
            KeyError, ValueError: it is the state of another kind of observer.
        """
        low, high = map(float, state[_EXTREMES])
        if not (np.isfinite([low, high]).all() or (low, high) == (np.inf, -np.inf)):
            raise ValueError(f"activations do not reach from {low} to {high}")
        self.low, self.high = low, high

    @property
    def seen(self) -> Range:
        """From the smallest to the largest value; [0, 0] for tensors without elements."""
        return Range(self.low, self.high) if self.low <= self.high else Range(0.0, 0.0)


class MinMax(Observer):
    """From the smallest to the largest value ever seen, as TensorFlow's converter does."""

    def range(self, activation_type: ActivationType) -> Range:
        """The extremes of all samples."""
        return self.seen


class MovingAverage(Observer):
    """Averages of the extremes of each sample, with weights that fade into the past.

    The first samples count alike: the n-th has a weight of 1/n, but at least 0.01. Depends on the
    order of the samples.
    """

    minimum_samples = 10

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._average = np.zeros(2)

    def update(self, values: np.ndarray, low: float, high: float) -> None:
        """Move the averages towards the sample's extremes."""
        super().update(values, low, high)
        self._count += 1
        weight = max(1 / self._count, 1 - _DECAY)
        self._average += (np.array([low, high]) - self._average) * weight

    def range(self, activation_type: ActivationType) -> Range:
        """From the average smallest to the average largest value."""
        low, high = map(float, self._average)
        return Range(low, high)

    def state(self) -> State:
        """The extremes, the averages and how many samples they are of."""
        return {**super().state(), _AVERAGE: np.array([*self._average, self._count])}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from another's averages."""
        super().restore(state)
        low, high, count = map(float, state[_AVERAGE])
        if not np.isfinite([low, high]).all() or count < 0:
            raise ValueError(f"averages from {low} to {high} of {count:g} samples are none")
        self._average, self._count = np.array([low, high]), int(count)
