"""Which integers the channels of an int8 tensor can be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfedge_converters.graph.types import Tensor, TensorType

INT8_MIN, INT8_MAX = -128, 127


@dataclass(frozen=True, eq=False)
class Intervals:
    """The least and the largest integer of every channel; channels run along the last axis.

    Attributes:
        low, high: int64 of shape (channels,), -128 <= low <= high <= 127.
    """

    low: np.ndarray
    high: np.ndarray

    @property
    def constant(self) -> np.ndarray:
        """Which channels can be one integer alone, bool of shape (channels,)."""
        return np.asarray(self.low == self.high)

    def taken(self, channels: np.ndarray) -> Intervals:
        """Those of some channels, by their indices."""
        return Intervals(self.low[channels], self.high[channels])

    def widened(self, steps: int) -> Intervals:
        """By so many integers at both ends, within int8."""
        return Intervals(self.low - steps, self.high + steps).clipped(INT8_MIN, INT8_MAX)

    def clipped(self, low: int, high: int) -> Intervals:
        """Return the intervals after every value was clipped to low..high."""
        return Intervals(np.clip(self.low, low, high), np.clip(self.high, low, high))

    def anywhere(self, channels: int) -> Intervals:
        """Return the intervals of so many channels that may each be any of these."""
        return Intervals(np.full(channels, self.low.min()), np.full(channels, self.high.max()))


def whole(channels: int) -> Intervals:
    """Every integer of int8."""
    return Intervals(np.full(channels, INT8_MIN), np.full(channels, INT8_MAX))


def of_constant(tensor: Tensor) -> Intervals:
    """Those of a constant int8 tensor with elements."""
    assert tensor.data is not None
    rows = tensor.data.reshape(-1, channels_of(tensor)).astype(np.int64)
    return Intervals(rows.min(axis=0), rows.max(axis=0))


def channels_of(tensor: Tensor) -> int:
    """The size of a tensor's last axis; 1 of a scalar."""
    return tensor.shape[-1] if tensor.shape else 1


def channels_in_rows(tensor: Tensor, columns: int) -> np.ndarray | None:
    """Which channel every column has if a tensor's values are seen as rows of another length.

    Args:
        tensor: has elements.
        columns: divides their number.

    Returns:
        int64 of shape (columns,), or None where a column has values of several channels.
    """
    channels = channels_of(tensor)
    aligned = columns % channels == 0 or columns == tensor.elements
    return np.arange(columns) % channels if aligned else None


def is_quantized_int8(*tensors: Tensor | None) -> bool:
    """Whether tensors are int8 with elements, one positive scale each and a zero point in int8."""
    return all(tensor is not None and _is_quantized_int8(tensor) for tensor in tensors)


def _is_quantized_int8(tensor: Tensor) -> bool:
    grid = tensor.quantization
    if tensor.type != TensorType.INT8 or not tensor.elements:
        return False
    if grid is None or grid.scale.size != 1:
        return False
    scale, zero_point = float(grid.scale[0]), int(grid.zero_point[0])
    return 0 < scale < np.inf and INT8_MIN <= zero_point <= INT8_MAX


def grid_of(tensor: Tensor) -> tuple[np.float32, int]:
    """The scale and zero point of a tensor with one of each."""
    assert tensor.quantization is not None
    return np.float32(tensor.quantization.scale[0]), int(tensor.quantization.zero_point[0])
