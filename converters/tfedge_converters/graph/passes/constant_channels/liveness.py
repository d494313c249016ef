"""Which channels have to be computed, from a graph's outputs back to its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tfedge_converters.graph.passes.constant_channels.functions import ChannelFunction
from tfedge_converters.graph.passes.constant_channels.intervals import channels_of
from tfedge_converters.graph.passes.constant_channels.propagation import Propagation, Readings
from tfedge_converters.graph.passes.constant_channels.weighted_sums import WeightedSum
from tfedge_converters.graph.passes.constant_channels.zero_blocks import (
    has_zero_blocks,
    whole_blocks,
)
from tfedge_converters.graph.types import Graph, Operator, Tensor


class Liveness:
    """Which channels of every tensor stay.

    Channels come from a dense sum, whose weights make them one by one, and go on through operators
    of single channels, which lose those that the sum loses. What anything else makes stays whole,
    and what anything else reads is needed. Channels that weights meet in blocks of zeros stay or go
    block by block, lest the rest be zero together no more.
    """

    def __init__(
        self,
        graph: Graph,
        outputs: Iterable[Tensor],
        readings: Readings,
        intervals: Propagation,
        multiple_of: int,
    ):
        """Go through the graph backwards.

        Args:
            graph: looked at.
            outputs: tensors that are needed as they are.
            readings: what is known of its operators; others read and need everything.
            intervals: of its tensors.
            multiple_of: how many channels stay of a dense sum is a multiple of this, or all.
        """
        self._readings = readings
        self._intervals = intervals
        self._multiple_of = multiple_of
        self._needed: dict[int, np.ndarray] = {}
        self._in_blocks: set[int] = set()
        for tensor in outputs:
            self._need(tensor, np.ones(channels_of(tensor), bool))
        self._kept: dict[int, np.ndarray] = {}
        for operator in reversed(graph.operators):
            for tensor, channels in self._reads(operator):
                self._need(tensor, channels)
        self._follow(graph.operators)

    def kept(self, tensor: Tensor) -> np.ndarray:
        """The channels that stay, as indices in their order."""
        mask = self._kept.get(id(tensor))
        return np.arange(channels_of(tensor)) if mask is None else np.flatnonzero(mask)

    def kept_columns(self, reading: WeightedSum) -> np.ndarray:
        """The columns that a sum's weights still meet, as indices in their order."""
        places = reading.places
        if places is None:
            return np.arange(reading.columns)
        return np.flatnonzero(np.isin(places, self.kept(reading.source)))

    def _need(self, tensor: Tensor, channels: np.ndarray) -> None:
        self._needed[id(tensor)] = self._needed_of(tensor) | channels

    def _needed_of(self, tensor: Tensor) -> np.ndarray:
        found = self._needed.get(id(tensor))
        return np.zeros(channels_of(tensor), bool) if found is None else found

    def _reads(self, operator: Operator) -> Iterator[tuple[Tensor, np.ndarray]]:
        """The operands of an operator, and which of their channels it needs."""
        reading = self._readings.get(id(operator))
        if isinstance(reading, WeightedSum) and reading.is_dense:
            if has_zero_blocks(reading.weights):
                self._in_blocks.add(id(reading.source))
            yield reading.source, self._read_by_sum(reading)
        elif (reads := _channels_read(reading)) is not None:
            source = operator.inputs[0]
            assert source is not None
            if id(operator.outputs[0]) in self._in_blocks:
                self._in_blocks.add(id(source))
            wanted = reads[self._needed_of(operator.outputs[0])]
            yield source, np.isin(np.arange(channels_of(source)), wanted)
        else:
            for tensor in (*operator.inputs, *operator.intermediates):
                if tensor is not None and not tensor.is_constant:
                    yield tensor, np.ones(channels_of(tensor), bool)

    def _read_by_sum(self, reading: WeightedSum) -> np.ndarray:
        """Decide which channels of a dense sum stay, and return those that it needs for them."""
        output = reading.output
        needed = self._needed_of(output)
        if id(output) in self._in_blocks:
            needed = whole_blocks(needed)
        self._kept[id(output)] = _rounded_up(needed, self._multiple_of)
        places = reading.places
        if places is None:
            return np.ones(channels_of(reading.source), bool)
        folded = reading.folded(self._intervals.of_columns(reading), self.kept(output))
        return np.isin(np.arange(channels_of(reading.source)), places[~folded])

    def _follow(self, operators: Iterable[Operator]) -> None:
        """Take channels out of what comes from the sums that lose them."""
        for operator in operators:
            reads = _channels_read(self._readings.get(id(operator)))
            if reads is not None and id(operator.inputs[0]) in self._kept:
                left = self._kept[id(operator.inputs[0])]
                self._kept[id(operator.outputs[0])] = left[reads]


def _channels_read(reading: WeightedSum | ChannelFunction | None) -> np.ndarray | None:
    """The operand's channel that each of the result comes from; None where it is not one."""
    if isinstance(reading, ChannelFunction):
        return reading.reads
    return None if reading is None or reading.is_dense else reading.reads[:, 0]


def _rounded_up(needed: np.ndarray, multiple_of: int) -> np.ndarray:
    """The channels that are needed, and the first of the others up to a multiple, at least one."""
    most = len(needed)
    count = -(-max(int(needed.sum()), 1) // multiple_of) * multiple_of
    spare = np.flatnonzero(~needed)[: max(min(count, most) - int(needed.sum()), 0)]
    kept = needed.copy()
    kept[spare] = True
    return kept
