"""A histogram of values that arrive in parts and may lie anywhere, in constant memory."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

BINS = 8192
_LEAST_EXPONENT = -200  # of bins; the least float32 is 2^-149

_COUNTS, _PLACE = "counts", "place"


class Histogram:
    """Counts in bins whose width is a power of two, and whose edges are multiples of it.

    When values lie outside, bins are joined in pairs until all fit. An edge of a wide bin is one of
    the narrow bins too, so nothing has to be split: the counts are those that the final bins would
    have had from the start, whatever the order of the values. The bins' width is the least at which
    0 and all values fit. Zeros, of which activations have many and which every grid holds exactly,
    are counted apart.

    Attributes:
        counts: int64 array of shape (BINS,), of values that are not 0.
        width: of a bin; 0 as long as there are only zeros.
        zeros: how many values are 0.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(BINS, np.int64)
        self.zeros = 0
        self._exponent: int | None = None
        self._first = 0
        self._ends = (0.0, 0.0)

    @property
    def width(self) -> float:
        """The width of a bin."""
        return 0.0 if self._exponent is None else math.ldexp(1.0, self._exponent)

    @property
    def total(self) -> int:
        """How many values there are, zeros included."""
        return int(self.counts.sum()) + self.zeros

    @property
    def below_zero(self) -> int:
        """How many of the bins lie below 0."""
        return -self._first

    def edges(self) -> np.ndarray:
        """float64 array of shape (BINS + 1,), ascending; 0 is one of them."""
        return (np.arange(BINS + 1) + self._first) * self.width

    def centres(self) -> np.ndarray:
        """float64 array of shape (BINS,)."""
        return (np.arange(BINS) + self._first + 0.5) * self.width

    def add(self, values: np.ndarray, low: float, high: float) -> None:
        """Count values in the histogram's bins.

        Args:
            values: finite, at least one.
            low, high: their extremes.
        """
        self._reach(min(low, self._ends[0]), max(high, self._ends[1]))
        nonzero = values[values != 0]
        self.zeros += values.size - nonzero.size
        if nonzero.size and self._exponent is not None:
            # A product with a power of two is exact in float64, whatever the float32.
            places = np.floor(nonzero * np.float64(2.0**-self._exponent)).astype(np.int64)
            self.counts += np.bincount(places - self._first, minlength=BINS)

    def _reach(self, low: float, high: float) -> None:
        if (low, high) == self._ends:
            return
        self._ends = low, high
        exponent, first = _bins_of(low, high)
        joined = 0 if self._exponent is None else exponent - self._exponent
        occupied = np.flatnonzero(self.counts)
        moved = np.zeros(BINS, np.int64)
        np.add.at(moved, ((occupied + self._first) >> joined) - first, self.counts[occupied])
        self.counts, self._exponent, self._first = moved, exponent, first

    def quantile(self, fraction: float) -> float:
        """The value that a fraction of all values lies below, to within the width of a bin.

        Args:
            fraction: 0 to 1.
        """
        if not self.width:
            return 0.0
        middle = self.below_zero
        edges, below = self.edges(), np.concatenate(([0], np.cumsum(self.counts)))
        # All zeros lie at one point: two entries with the same edge.
        values = np.concatenate((edges[: middle + 1], edges[middle:]))
        fractions = np.concatenate((below[: middle + 1], below[middle:] + self.zeros)) / self.total
        return float(np.interp(fraction, fractions, values))

    def magnitudes(self) -> np.ndarray:
        """Counts of the absolute values, in bins of the same width from 0 on."""
        positive, negative = self.counts[self.below_zero :], self.counts[: self.below_zero][::-1]
        result = np.zeros(max(positive.size, negative.size), np.int64)
        result[: positive.size] += positive
        result[: negative.size] += negative
        return result

    def state(self) -> dict[str, np.ndarray]:
        """Everything that it remembers."""
        exponent = 0 if self._exponent is None else self._exponent
        return {
            _COUNTS: self.counts.copy(),
            _PLACE: np.array([*self._ends, exponent, self._first, self.zeros]),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from another's counts.

        Raises:
            KeyError, ValueError, OverflowError: it is no histogram's state.
        """
        low, high, exponent, first, zeros = map(float, state[_PLACE])
        counts = state[_COUNTS]
        if counts.shape != (BINS,) or counts.dtype.kind not in "iu":
            raise ValueError(f"a histogram has counts of {BINS} bins")
        if not low <= 0 <= high or zeros < 0 or counts.min() < 0:
            raise ValueError("a histogram reaches from 0 or below to 0 or above, and counts values")
        self.counts = counts.astype(np.int64)
        self._ends, self._first, self.zeros = (low, high), int(first), int(zeros)
        self._exponent = None if low == high else int(exponent)
        if low != high and (exponent, first) != _bins_of(low, high):
            raise ValueError("the bins of a histogram do not fit its extremes")
        within = 0 if low == high else _bin(high, int(exponent)) - self._first + 1
        if self.counts[within:].any():
            raise ValueError("a histogram counts values beyond its extremes")


def _bins_of(low: float, high: float) -> tuple[int, int]:
    """Find the bins from low <= 0 to high >= 0: the exponent of their width, and the first one.

    Their width is the least power of two at which they are few enough.

    Raises:
        OverflowError: there is none for numbers of this size.
    """
    exponent = math.frexp((high - low) / BINS)[1] - 1
    while _bin(high, exponent) - _bin(low, exponent) >= BINS:
        exponent += 1
    if exponent < _LEAST_EXPONENT:
        raise OverflowError("a histogram of numbers that are no float32")
    return exponent, _bin(low, exponent)


def _bin(value: float, exponent: int) -> int:
    return math.floor(math.ldexp(value, -exponent))
