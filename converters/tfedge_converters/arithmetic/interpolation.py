"""Functions of one int16 as tables of 513 values, between which kernels interpolate.

Source: LUTPopulate and gen_lut of TFLite's reference kernels, in float32 like these.
"""

from __future__ import annotations

import numpy as np

_STEPS = 512
_LEAST, _LARGEST = np.float32(-(1 << 15)), np.float32((1 << 15) - 1)


def interpolate(table: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate int16 values as tfedge_interpolate_s16 does, as int64."""
    entries = np.asarray(table, np.int64)
    index = 256 + (values >> 7)
    slope = _wrapped(entries[index + 1] - entries[index])
    return _wrapped(entries[index] + ((slope * (values & 127) + 64) >> 7))


def table_of(results: np.ndarray) -> np.ndarray | None:
    """The int16 table, shape (513,), of which a function's 65,536 results are interpolated.

    Args:
        results: for -32768 to 32767.

    Returns:
        None if there is no such table.
    """
    every = np.arange(-(1 << 15), 1 << 15)
    knots = results[::128].astype(np.int64)
    # The value behind the last one only shows in the slope before it.
    rise = (int(results[-1]) - int(knots[-1])) * 128 / 127
    for last in range(round(knots[-1] + rise) - 2, round(knots[-1] + rise) + 3):
        table = np.append(knots, last)
        if -(1 << 15) <= last < 1 << 15 and (interpolate(table, every) == results).all():
            return table.astype(np.int16)
    return None


def _wrapped(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int16).astype(np.int64)
