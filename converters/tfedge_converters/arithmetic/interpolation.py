"""Functions of one int16 as tables of 513 values, between which kernels interpolate.

Source: LUTPopulate and gen_lut of TFLite's reference kernels, in float32 like these.
"""

from __future__ import annotations

import numpy as np

from tfedge_converters.arithmetic.errors import UndefinedError
from tfedge_converters.arithmetic.real_tables import RealFunction

_STEPS = 512
_LEAST, _LARGEST = np.float32(-(1 << 15)), np.float32((1 << 15) - 1)


def interpolated_table(
    function: RealFunction,
    low: np.float32,
    high: np.float32,
    output_low: np.float32,
    output_high: np.float32,
) -> np.ndarray:
    """int16 table of a function, shape (513,).

    Args:
        function: of one float32.
        low, high: the inputs that -32768 and 32767 stand for.
        output_low, output_high: the results that they stand for.

    Each value is moved by half of what interpolation errs by in the middle of its step.

    Raises:
        UndefinedError: a result is infinite, which the reference does not expect.
    """
    step = (high - low) / np.float32(_STEPS)
    per_unit = np.float32(1 << 16) / (output_high - output_low)
    places = np.arange(_STEPS, dtype=np.float32) * step
    following = np.arange(1, _STEPS + 1, dtype=np.float32) * step
    samples = _round(_values(function, low + places) * per_unit)
    middles = _round(_values(function, low + places + step / np.float32(2)) * per_unit)
    chords = _round((_values(function, low + following) * per_unit + samples) / np.float32(2))
    table = samples - _round((chords - middles) / np.float32(2))
    last = _round(_values(function, np.array([high])) * per_unit)
    if not np.isfinite([*table, *last]).all():
        raise UndefinedError("its results leave float32 at the limits of its input")
    return np.clip(np.append(table, last), _LEAST, _LARGEST).astype(np.int16)


def interpolate(table: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What tfedge_interpolate_s16 gives for int16 values, as int64."""
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


def _values(function: RealFunction, places: np.ndarray) -> np.ndarray:
    return np.array([function(place) for place in places], np.float32)


def _round(values: np.ndarray) -> np.ndarray:
    """Halves away from zero."""
    whole = np.trunc(values)
    return whole + np.sign(values) * (np.abs(values - whole) >= np.float32(0.5))
