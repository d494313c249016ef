"""The table that TFLite takes sigmoid and tanh of int16 from."""

from __future__ import annotations

import numpy as np

ENTRIES = 256
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
