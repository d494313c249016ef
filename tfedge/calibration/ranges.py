"""Ranges of real values, and the grids that cover them, in NumPy.

The arithmetic, down to its float32 roundings and its ties away from zero, is that of TensorFlow's
converter, so that the same ranges give the same file. `tfedge.quantization.grids` has it in
TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tfedge.quantization.activation_types import ActivationType

_SMALLEST_NORMAL = np.finfo(np.float32).tiny


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


def scale_and_zero_point(values: Range, kind: ActivationType) -> tuple[np.float32, int]:
    """The grid, of one scale, that covers a range of real values.

    The range is extended to include 0, which is then represented exactly, as padding needs it; a
    symmetric grid covers as much on either side of 0. A tensor that has only ever been 0 gets scale
    1 and zero point 0: a tiny scale would make kernels multiply by huge factors, and overflow, as
    soon as a value differs from 0.

    Args:
        values: the range, finite, low <= high; beyond float32 the scale is infinite.
        kind: the integers.
    """
    low, high = min(values.low, 0.0), max(values.high, 0.0)
    if kind.symmetric:
        low, high = -max(-low, high), max(-low, high)
    with np.errstate(over="ignore", invalid="ignore"):
        narrow_low, narrow_high = np.float32(low), np.float32(high)
        scale = (narrow_high - narrow_low) / np.float32(kind.high - kind.low)
    if scale < _SMALLEST_NORMAL:
        return np.float32(1.0), 0
    if kind.symmetric or not np.isfinite(scale):
        return scale, 0
    zero_point = round_away(np.float32(kind.low - float(narrow_low) / float(scale)))
    return scale, int(np.clip(zero_point, kind.low, kind.high))


def round_away(values: np.ndarray | np.floating) -> np.ndarray:
    """Nearest integers as float64, ties away from zero, as C's round()."""
    wide = np.asarray(values, np.float64)
    whole = np.trunc(wide)
    return whole + np.where(np.abs(wide - whole) >= 0.5, np.sign(wide), 0.0)
