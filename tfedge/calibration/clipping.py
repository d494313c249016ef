"""Observers that leave outliers outside of the range, for the sake of finer steps inside."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfedge.calibration.divergence import least_divergent_threshold
from tfedge.calibration.histogram import Histogram
from tfedge.calibration.observers import Observer, State
from tfedge.calibration.ranges import Range
from tfedge.errors import TfedgeError
from tfedge.quantization.activation_types import ActivationType
from tfedge.quantization.affine import round_away, scale_and_zero_point

# Parts of the whole range that the search tries at either end: down to a thousandth.
_PARTS = 2.0 ** (-np.arange(161) / 16)
# Of the ranges that look best by moments, how many are tried value by value.
_SHORTLIST = 24
# Where bins are wider than this part of a step, they cannot tell how values are rounded.
_FINE = 1 / 4


class _Counting(Observer):
    """Observer that keeps a histogram."""

    minimum_samples = 10

    def __init__(self) -> None:
        super().__init__()
        self.histogram = Histogram()

    def update(self, values: np.ndarray, low: float, high: float) -> None:
        """Count the values."""
        super().update(values, low, high)
        self.histogram.add(values, low, high)

    def state(self) -> State:
        """The extremes and the histogram."""
        return {**super().state(), **self.histogram.state()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from another's histogram."""
        super().restore(state)
        self.histogram.restore(state)


class Percentile(_Counting):
    """The range that holds a percentage of all values; what is left out is halved between the ends.

    Args:
        percentage: above 0, at most 100, which is the extremes.

    Raises:
        TfedgeError: it is not.
    """

    def __init__(self, percentage: float = 99.99):
        super().__init__()
        if not 0 < percentage <= 100:
            raise TfedgeError(f"a percentile is above 0 and at most 100, not {percentage:g}")
        self._percentage = percentage

    def range(self, activation_type: ActivationType) -> Range:
        """To within a bin of the histogram, of which thousands cover the extremes."""
        outside = (1 - self._percentage / 100) / 2
        ends = [self.histogram.quantile(fraction) for fraction in (outside, 1 - outside)]
        low, high = (float(np.clip(end, self.seen.low, self.seen.high)) for end in ends)
        return Range(low, high)


class MeanSquaredError(_Counting):
    """The range whose grid loses least: the least sum of squared differences from the real values.

    Both ends of an asymmetric grid are searched together, in steps of 4 % down to a thousandth of
    the extremes. The loss is first estimated as step²/12 for every value inside, and what clipping
    costs outside; the best ranges are then compared by rounding the histogram itself.
    """

    def range(self, activation_type: ActivationType) -> Range:
        """The best of the ranges that were tried; never worse than the extremes."""
        low, high = min(self.seen.low, 0.0), max(self.seen.high, 0.0)
        if low == high:
            return self.seen
        candidates = _candidates(low, high, activation_type)
        losses = _estimated_losses(self.histogram, candidates, activation_type)
        best = candidates[np.argsort(losses, kind="stable")[:_SHORTLIST]]
        finest = (best[:, 1] - best[:, 0]).min() / activation_type.steps
        if self.histogram.width <= finest * _FINE:
            best = np.concatenate((candidates[:1], best))
            best = best[
                [int(np.argmin([_loss(self.histogram, ends, activation_type) for ends in best]))]
            ]
        low, high = map(float, best[0])
        return Range(low, high)


class Entropy(_Counting):
    """The symmetric threshold whose rounding changes the distribution least.

    Minimises the Kullback-Leibler divergence of the rounded from the real distribution of
    magnitudes. Source: S. Migacz, "8-bit inference with TensorRT", GTC 2017.
    """

    def range(self, activation_type: ActivationType) -> Range:
        """The extremes, cut at the threshold.

        Integers of 16 bits are finer than any histogram: there, nothing is cut.
        """
        if activation_type.symmetric or not self.histogram.width:
            return self.seen
        two_sided = self.seen.low < 0 < self.seen.high
        levels = (activation_type.high - activation_type.low + 1) // (2 if two_sided else 1)
        threshold = self.histogram.width * least_divergent_threshold(
            self.histogram.magnitudes(), levels
        )
        return Range(max(self.seen.low, -threshold), min(self.seen.high, threshold))


def _candidates(low: float, high: float, activation_type: ActivationType) -> np.ndarray:
    """Ranges to try, as rows of a low and a high end; the first is the widest."""
    if activation_type.symmetric:
        ends = max(-low, high) * _PARTS
        return np.stack((-ends, ends), axis=1)
    lows = low * _PARTS if low < 0 else np.zeros(1)
    highs = high * _PARTS if high > 0 else np.zeros(1)
    return np.stack(np.meshgrid(lows, highs, indexing="ij"), axis=-1).reshape(-1, 2)


def _estimated_losses(
    histogram: Histogram, ranges: np.ndarray, activation_type: ActivationType
) -> np.ndarray:
    """Sums of squared differences, for each range, from moments of the histogram."""
    centres, counts = histogram.centres(), histogram.counts.astype(np.float64)
    above = _clipped(centres[::-1], counts[::-1], ranges[:, 1], sign=1)
    below = _clipped(centres, counts, ranges[:, 0], sign=-1)
    inside = counts.sum() - above[0] - below[0]
    steps = (ranges[:, 1] - ranges[:, 0]) / activation_type.steps
    losses: np.ndarray = inside * steps**2 / 12 + above[1] + below[1]
    return losses


def _clipped(
    centres: np.ndarray, counts: np.ndarray, ends: np.ndarray, sign: int
) -> tuple[np.ndarray, np.ndarray]:
    """How many values lie beyond each end, and the sum of their squared distances from it.

    Args:
        centres, counts: of bins, from the outermost inwards.
        ends: where clipping begins.
        sign: 1 at the upper end, -1 at the lower.
    """
    moments = [np.concatenate(([0.0], np.cumsum(counts * centres**power))) for power in range(3)]
    beyond = np.searchsorted(-sign * centres, -sign * ends)
    number, first, second = (moment[beyond] for moment in moments)
    return number, np.maximum(second - 2 * ends * first + ends**2 * number, 0.0)


def _loss(histogram: Histogram, ends: np.ndarray, activation_type: ActivationType) -> float:
    """The sum of squared differences that the grid of a range makes."""
    scale, zero_point = scale_and_zero_point(float(ends[0]), float(ends[1]), activation_type)
    used = np.flatnonzero(histogram.counts)
    values = histogram.centres()[used]
    integers = np.clip(
        round_away(values / float(scale) + zero_point), activation_type.low, activation_type.high
    )
    rounded = (integers - zero_point) * float(scale)
    return float(histogram.counts[used] @ ((rounded - values) ** 2))
