"""Calibration data on their way: looked at, and some of them kept to measure on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np

from tfedge.calibration import InputSpec, RepresentativeData

Sample = list[np.ndarray]

# So many samples are compared at most.
MOST_SAMPLES = 32

# From so many samples on, one in eight is not for calibration: ranges lose little by that.
_ENOUGH = 64
_EVERY = 8

EVALUATED = "of the evaluation data"
HELD_BACK = "that were held back from calibration"
CALIBRATED = "that calibration has seen too"
UNSEEN = "of the calibration data, which the model had no need of"


class InputLook:
    """Summary of the values of one input.

    Attributes:
        name: of the input.
        low, high: of all values.
        is_whole: whether all are whole numbers.
        is_same: whether every sample is the same as the first.
    """

    def __init__(self, name: str):
        self.name = name
        self.low, self.high = np.inf, -np.inf
        self.is_whole = self.is_same = True
        self._first: np.ndarray | None = None

    def see(self, value: np.ndarray) -> None:
        """Take one sample into account."""
        if not value.size:
            return
        self.low = min(self.low, float(value.min()))
        self.high = max(self.high, float(value.max()))
        self._first = value if self._first is None else self._first
        self.is_same = self.is_same and np.array_equal(value, self._first)
        self.is_whole = self.is_whole and bool((value == np.rint(value)).all())

    @property
    def span(self) -> float:
        """The difference of the largest and the least value."""
        return self.high - self.low


class DataLook:
    """Summary of the values of samples.

    Attributes:
        samples: how many were seen.
        inputs: one look for each input.
    """

    def __init__(self, inputs: Sequence[InputSpec]):
        self.samples = 0
        self.inputs = [InputLook(spec.names[0]) for spec in inputs]

    def watched(self, samples: Iterator[Sample]) -> Iterator[Sample]:
        """The same samples, which are seen as they pass."""
        for sample in samples:
            self.samples += 1
            for look, value in zip(self.inputs, sample, strict=True):
                look.see(value)
            yield sample


class CalibrationSamples:
    """Representative data for calibration, an iterable of samples.

    From 64 samples on, every eighth is held back from calibration until there are 32 to measure on.
    Of fewer, 32 at most are measured on that calibration sees too. So it is for models that keep
    their state between invocations, whose samples belong together.

    Attributes:
        look: at all of the data, as far as they were read.
        kept: samples to measure on.
        places: of these, among all samples.
        source: which ones they are, in words.
        labels: of all samples, one each, where the data are (x, y); else None.
    """

    def __init__(self, data: Any, inputs: Sequence[InputSpec], *, hold_back: bool):
        """`hold_back`: whether samples may be; if not, the first ones are kept."""
        self._data = RepresentativeData(data, inputs)
        self._hold_back = hold_back
        self.look = DataLook(inputs)
        self.kept: list[Sample] = []
        self.places: list[int] = []
        self.source = CALIBRATED
        self.labels = self._data.labels

    def __iter__(self) -> Iterator[Sample]:
        """Those for calibration; once."""
        samples = self.look.watched(iter(self._data))
        first = list(islice(samples, _ENOUGH))
        if len(first) < _ENOUGH or not self._hold_back:
            step = max(1, -(-len(first) // MOST_SAMPLES)) if self._hold_back else 1
            self._keep(first, list(range(0, len(first), step))[:MOST_SAMPLES])
            yield from chain(first, samples)
            return
        self.source = HELD_BACK
        for place, sample in enumerate(chain(first, samples)):
            if place % _EVERY == _EVERY - 1 and len(self.kept) < MOST_SAMPLES:
                self._keep([sample], [0], place)
            else:
                yield sample

    def finish(self) -> None:
        """Read some samples, if calibration has not read any, since training gave all ranges."""
        if not self.look.samples:
            first = list(islice(self.look.watched(iter(self._data)), MOST_SAMPLES))
            self._keep(first, list(range(len(first))))
            self.source = UNSEEN

    def _keep(self, samples: list[Sample], chosen: list[int], offset: int = 0) -> None:
        self.kept += [samples[index] for index in chosen]
        self.places += [offset + index for index in chosen]
