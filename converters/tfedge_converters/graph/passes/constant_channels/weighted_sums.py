"""The sums that convolutions and dense layers on int8 requantise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tfedge_converters.arithmetic.activation import integer_limits
from tfedge_converters.arithmetic.fixed_point import INT32_MAX, requantize
from tfedge_converters.graph.passes.constant_channels.intervals import (
    INT8_MAX,
    INT8_MIN,
    Intervals,
    channels_in_rows,
    channels_of,
    grid_of,
)
from tfedge_converters.graph.types import Operator, Tensor


@dataclass(frozen=True, eq=False)
class WeightedSum:
    """Requantised bias + sum(weight * (value - zero point)) over taps and columns.

    Attributes:
        operator: what computes it.
        weights: int64 of shape (channels, taps, columns read by a channel).
        bias: int64 of shape (channels,); zeros if there is none.
        reads: which column of the operand each weight meets: of shape (1, columns) where every
            channel reads all of them, (channels, 1) where every channel reads one.
        borders: bool of shape (classes, taps): which taps lie within the operand.
        multipliers: how sums are requantised, (q, shift) for every channel.
    """

    operator: Operator
    weights: np.ndarray
    bias: np.ndarray
    reads: np.ndarray
    borders: np.ndarray
    multipliers: list[tuple[int, int]]

    @property
    def source(self) -> Tensor:
        """The operand that weights are multiplied with."""
        tensor = self.operator.inputs[0]
        assert tensor is not None
        return tensor

    @property
    def output(self) -> Tensor:
        """Result of the weighted sum."""
        return self.operator.outputs[0]

    @property
    def is_dense(self) -> bool:
        """Whether every channel reads all columns."""
        return self.operator.code != "DEPTHWISE_CONV_2D"

    @property
    def columns(self) -> int:
        """The length of the rows that weights are multiplied with."""
        return self.reads.size if self.is_dense else channels_of(self.source)

    @property
    def places(self) -> np.ndarray | None:
        """Which channel of the operand every column is, (columns,); None if one is several."""
        return channels_in_rows(self.source, self.columns)

    @property
    def multiplications(self) -> int:
        """Multiplications by weights in one inference; borders count as what is within."""
        return self.output.elements // len(self.weights) * self.weights.size

    @property
    def cannot_wrap(self) -> np.ndarray:
        """Channels for which no order of summing any operand leaves 32 bits: bool, (channels,).

        The others' intervals mean nothing, nor may anything be added to their biases.
        """
        zero_point = grid_of(self.source)[1]
        largest = max(zero_point - INT8_MIN, INT8_MAX - zero_point)
        reach = np.abs(self.bias) + largest * np.abs(self.weights).sum(axis=(1, 2))
        shifts = np.array([max(shift, 0) for _, shift in self.multipliers])
        return np.asarray(reach <= INT32_MAX >> shifts)

    def tap_sums(self) -> Iterator[np.ndarray]:
        """For every border class, what a column that is the same everywhere is multiplied with.

        Yields:
            The weights' sums over taps within, int64 of shape (channels, columns read).
        """
        for inside in self.borders:
            yield self.weights[:, inside].sum(axis=1)

    def results(self, operand: Intervals, slack: int) -> Intervals:
        """Which integers the result's channels can be.

        Requantising rises with the sum, so the least and largest sums of all border classes are
        enough; sums rise with values where weights are positive, and fall where they are negative.

        Args:
            operand: of the columns.
            slack: by how much an interpreter may round away from TFLite Micro.
        """
        zero_point = grid_of(self.source)[1]
        low, high = (ends[self.reads] - zero_point for ends in (operand.low, operand.high))
        least, most = [], []
        for inside in self.borders:
            rising = np.maximum(self.weights[:, inside], 0).sum(axis=1)
            falling = np.minimum(self.weights[:, inside], 0).sum(axis=1)
            least.append((rising * low + falling * high).sum(axis=1))
            most.append((rising * high + falling * low).sum(axis=1))
        ends = np.stack([np.min(least, axis=0), np.max(most, axis=0)], axis=1) + self.bias[:, None]
        pairs = zip(ends, self.multipliers, strict=True)
        integers = np.stack([requantize(pair, q, shift) for pair, (q, shift) in pairs])
        grid = grid_of(self.output)
        bottom, top = integers.T + grid[1]
        limits = integer_limits(self.operator.options.fusedActivationFunction, *grid)
        found = Intervals(bottom - slack, top + slack).clipped(*limits)
        exact = self.cannot_wrap
        return Intervals(
            np.where(exact, found.low, INT8_MIN), np.where(exact, found.high, INT8_MAX)
        )

    def folded(self, operand: Intervals, channels: np.ndarray) -> np.ndarray:
        """Which columns these channels can do without: bool of shape (columns,).

        That is, columns whose weights are 0, and those of a constant that adds the same at every
        border.

        Args:
            operand: of the columns.
            channels: indices of channels of a dense sum.
        """
        sums = np.stack([part[channels] for part in self.tap_sums()])
        constants = operand.low - grid_of(self.source)[1]
        same = ((sums.max(axis=0) == sums.min(axis=0)) | (constants == 0)).all(axis=0)
        unread = ~self.weights[channels].any(axis=(0, 1))
        exact = bool(self.cannot_wrap[channels].all())
        return np.asarray(unread | (operand.constant & same & exact))

    def contribution(self, operand: Intervals, columns: np.ndarray) -> np.ndarray:
        """Sum the contribution of `folded` columns to every channel, int64 of shape (channels,).

        Args:
            operand: of the columns.
            columns: their indices.
        """
        constants = operand.low[columns] - grid_of(self.source)[1]
        return np.asarray(next(self.tap_sums())[:, columns] @ constants)
