"""Folding of constant channels into biases, and removal of what nobody reads."""

from __future__ import annotations

from tfedge_converters.graph.layers import layer_names
from tfedge_converters.graph.passes.constant_channels.intervals import channels_of
from tfedge_converters.graph.passes.constant_channels.liveness import Liveness
from tfedge_converters.graph.passes.constant_channels.propagation import (
    Propagation,
    Readings,
    read_operators,
)
from tfedge_converters.graph.passes.constant_channels.removal import remove_channels
from tfedge_converters.graph.passes.constant_channels.report import ChannelFolding, FoldedLayer
from tfedge_converters.graph.passes.constant_channels.weighted_sums import WeightedSum
from tfedge_converters.graph.types import Graph, Model, Tensor

# A file may claim any shape; no network has as many.
_MOST_CHANNELS = 1 << 20


def fold_constant_channels(model: Model, *, multiple_of: int = 1, slack: int = 0) -> ChannelFolding:
    """Remove channels that cannot change an output, in place; outputs stay, bit for bit.

    Intervals are followed through TFLite Micro's fixed-point arithmetic from the range of int8 at
    the inputs. A channel of a convolution or dense layer that can be one integer alone, at
    borders too, is added to the biases of its readers; then those that nobody reads go, and what
    only they read. Whatever is read by an operator that is not known here stays: operands of
    residual sums and concatenations, states, outputs.

    Args:
        model: any; graphs that do not compute with int8 stay as they are.
        multiple_of: the channels that stay of a layer are a multiple of this, or as many as there
            were.
        slack: by how many integers an interpreter may round away from TFLite Micro and still
            compute what it did before: 0 for TFLite Micro and generated C.

    Returns:
        What every layer has lost.
    """
    layers: list[FoldedLayer] = []
    for graph in model.graphs:
        outputs = [
            tensor
            for signature in model.signatures
            if signature.graph is graph
            for tensor in signature.outputs.values()
        ]
        layers += _fold(graph, [*graph.outputs, *outputs], multiple_of, slack)
    return ChannelFolding(tuple(layers))


def _fold(graph: Graph, outputs: list[Tensor], multiple_of: int, slack: int) -> list[FoldedLayer]:
    if any(channels_of(t) > _MOST_CHANNELS for t in graph.tensors() if not t.is_constant):
        return []
    readings = read_operators(graph)
    intervals = Propagation(graph, readings, slack)
    liveness = Liveness(graph, outputs, readings, intervals, multiple_of)
    layers = _layers(graph, readings, liveness)
    remove_channels(graph, readings, intervals, liveness)
    return layers


def _layers(graph: Graph, readings: Readings, liveness: Liveness) -> list[FoldedLayer]:
    found, names = [], layer_names(graph)
    for operator in graph.operators:
        reading = readings.get(id(operator))
        if isinstance(reading, WeightedSum):
            before, after = len(reading.weights), len(liveness.kept(reading.output))
            found.append(
                FoldedLayer(
                    operator.code,
                    names.get(id(reading.output), ""),
                    (before, after),
                    (reading.multiplications, _multiplications_left(reading, liveness)),
                )
            )
    return found


def _multiplications_left(reading: WeightedSum, liveness: Liveness) -> int:
    """Channels and columns that stay, at as many positions and taps as before."""
    columns = len(liveness.kept_columns(reading)) if reading.is_dense else 1
    left = len(liveness.kept(reading.output)) * reading.borders.shape[1] * columns
    return reading.multiplications // reading.weights.size * left
