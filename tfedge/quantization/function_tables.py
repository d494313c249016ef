"""The tables that TFLite's kernels take functions of int16 from, in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

ENTRIES = 256
_STEPS = 512
_ONE = np.float32(1)
# What 1 is in Q0.15.
_UNIT = np.float32(1 << 15)
_STEP = 1 / 24
_LAST = 65535


def sigmoid_table() -> np.ndarray:
    """65536 * sigmoid(i / 24) - 32768 for i = 0..255, as the reference has it, in int16.

    Chords lie below the curve, which is concave here; each entry is raised by half of the
    greatest distance, step^2 / 8 * |sigmoid''|, so that interpolation errs as much to one side as
    to the other. The last entry is the limit.
    """
    x = np.arange(ENTRIES) * _STEP
    sigmoid = 1 / (1 + np.exp(-x))
    second_derivative = sigmoid * (1 - sigmoid) * (1 - 2 * sigmoid)
    raised = sigmoid - second_derivative * _STEP**2 / 16
    table = np.floor(65536 * raised + 0.5).astype(np.int64)
    table[-1] = _LAST
    return (table - 32768).astype(np.int16)


def exponential_table() -> np.ndarray:
    """exp(x) for x from -10 to 0 in 512 steps, int16 (513,) in Q0.15, as SOFTMAX has it."""
    return _interpolated(_exp, np.float32(-10), np.float32(0))


def reciprocal_table() -> np.ndarray:
    """1 / (1 + x) for x from 0 to 1 in 512 steps, int16 (513,) in Q0.15, as SOFTMAX has it."""
    return _interpolated(lambda x: _ONE / (_ONE + x), np.float32(0), _ONE)


def _exp(x: np.float32) -> np.float32:
    return np.float32(math.exp(x))


def _interpolated(
    function: Callable[[np.float32], np.float32], low: np.float32, high: np.float32
) -> np.ndarray:
    """Values of a function, each moved by half of what interpolation errs by in its step's middle.

    Source: gen_lut of TFLite's reference kernels, in float32 like it.
    """
    step = (high - low) / np.float32(_STEPS)
    places = np.arange(_STEPS, dtype=np.float32) * step
    following = np.arange(1, _STEPS + 1, dtype=np.float32) * step
    samples = _round(_values(function, low + places) * _UNIT)
    middles = _round(_values(function, low + places + step / np.float32(2)) * _UNIT)
    chords = _round((_values(function, low + following) * _UNIT + samples) / np.float32(2))
    table = samples - _round((chords - middles) / np.float32(2))
    last = _round(_values(function, np.array([high])) * _UNIT)
    return np.clip(np.append(table, last), -_UNIT, _UNIT - 1).astype(np.int16)


def _values(function: Callable[[np.float32], np.float32], places: np.ndarray) -> np.ndarray:
    return np.array([function(place) for place in places], np.float32)


def _round(values: np.ndarray) -> np.ndarray:
    """Halves away from zero."""
    whole = np.trunc(values)
    return whole + np.sign(values) * (np.abs(values - whole) >= np.float32(0.5))
