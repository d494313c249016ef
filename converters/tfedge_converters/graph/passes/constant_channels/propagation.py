"""Propagation of intervals through a graph, from its inputs to its outputs."""

from __future__ import annotations

from tfedge_converters.graph.operator_checks import options_class
from tfedge_converters.graph.passes.constant_channels.functions import (
    ChannelFunction,
    channel_function,
)
from tfedge_converters.graph.passes.constant_channels.intervals import (
    Intervals,
    channels_of,
    is_quantized_int8,
    of_constant,
    whole,
)
from tfedge_converters.graph.passes.constant_channels.joins import joined
from tfedge_converters.graph.passes.constant_channels.weighted_operators import weighted_sum
from tfedge_converters.graph.passes.constant_channels.weighted_sums import WeightedSum
from tfedge_converters.graph.passes.purity import is_pure
from tfedge_converters.graph.types import Graph, Operator, Tensor

# Operators by identity, as what this pass knows of them; what it does not know is missing.
Readings = dict[int, WeightedSum | ChannelFunction]


def read_operators(graph: Graph) -> Readings:
    """Every operator of a graph whose channels can be told apart."""
    found = {
        id(operator): weighted_sum(operator) or channel_function(operator)
        for operator in graph.operators
        if _is_function(operator)
    }
    return {key: reading for key, reading in found.items() if reading is not None}


def _is_function(operator: Operator) -> bool:
    """Whether results depend on operands alone, and options are the operator's own."""
    own = options_class(operator.code)
    return is_pure(operator) and (operator.options is None or type(operator.options) is own)


class Propagation:
    """The intervals of every int8 tensor of a graph."""

    def __init__(self, graph: Graph, readings: Readings, slack: int):
        """Follow the channels' intervals through the graph.

        Args:
            graph: whose inputs can be anything.
            readings: what is known of its operators; results of others can be anything.
            slack: by how much an interpreter may round away from TFLite Micro.
        """
        self._known: dict[int, Intervals] = {}
        for operator in graph.operators:
            found = self._results(operator, readings.get(id(operator)), slack)
            if found is not None and len(found.low) == channels_of(operator.outputs[0]):
                self._known[id(operator.outputs[0])] = found

    def of(self, tensor: Tensor) -> Intervals:
        """Those of an int8 tensor's channels."""
        if id(tensor) in self._known:
            return self._known[id(tensor)]
        if tensor.is_constant and is_quantized_int8(tensor):
            return of_constant(tensor)
        return whole(channels_of(tensor))

    def of_columns(self, reading: WeightedSum) -> Intervals:
        """Those of the columns that a sum's weights are multiplied with."""
        operand, places = self.of(reading.source), reading.places
        return operand.anywhere(reading.columns) if places is None else operand.taken(places)

    def _results(
        self, operator: Operator, reading: WeightedSum | ChannelFunction | None, slack: int
    ) -> Intervals | None:
        if isinstance(reading, WeightedSum):
            return reading.results(self.of_columns(reading), slack)
        if isinstance(reading, ChannelFunction):
            source = reading.operator.inputs[0]
            assert source is not None
            return reading.results(self.of(source).taken(reading.reads), slack)
        if not _is_function(operator):
            return None
        operands = [self.of(tensor) for tensor in operator.inputs if tensor is not None]
        return joined(operator, operands, slack)
