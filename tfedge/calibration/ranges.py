"""Ranges of real values."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Range:
    """The real values that a float tensor takes, known from training or calibration.

    Attributes:
        low, high: its ends.
        observed: whether it was only seen in data: then nobody has asked for integers there.
    """

    low: float
    high: float
    observed: bool = field(default=False, compare=False)
