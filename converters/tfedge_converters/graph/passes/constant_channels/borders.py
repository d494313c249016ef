"""Which taps of a convolution lie within its operand, for every kind of output position."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

# What would take long to look at; no network comes near it.
_MOST_TAPS = 1 << 22


def border_classes(
    size: int, kernel: int, stride: int, dilation: int, padding: int, outputs: int
) -> np.ndarray | None:
    """The different sets of taps that lie within the operand along one axis.

    Padding adds zero points, so taps outside add nothing to a sum.

    Args:
        size, outputs: positions of the operand and of the result.
        kernel, stride, dilation: at least 1.
        padding: the schema's Padding.

    Returns:
        bool of shape (classes, kernel), or None where `outputs` does not follow from the rest, or
        there are too many of them.
    """
    if min(size, kernel, stride, dilation, outputs) < 1 or outputs * kernel > _MOST_TAPS:
        return None
    extent = (kernel - 1) * dilation + 1
    if padding == schema.Padding.SAME:
        expected = -(-size // stride)
        before = max((outputs - 1) * stride + extent - size, 0) // 2
    else:
        expected, before = (size - extent) // stride + 1, 0
    if outputs != expected:
        return None
    first = np.arange(outputs)[:, None] * stride - before
    positions = first + np.arange(kernel)[None, :] * dilation
    return np.unique((positions >= 0) & (positions < size), axis=0)


def window_classes(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The sets of taps of a window: bool of shape (classes, rows' taps * columns' taps)."""
    both = rows[:, None, :, None] & columns[None, :, None, :]
    return both.reshape(len(rows) * len(columns), -1)
