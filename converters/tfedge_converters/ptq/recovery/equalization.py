"""Cross-layer equalisation: channels of a layer trade their ranges with the layers that read them.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019.
Where nothing but positively homogeneous functions, f(s x) = s f(x) for s > 0, lie between the
layers that make an activation and those that read it, every channel can be divided by a factor on
one side and multiplied on the other, and the float model computes what it did, up to rounding.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph import Graph, Model, Operator, Tensor
from tfedge_converters.graph.operator_checks import options_of
from tfedge_converters.graph.real_operators import is_real_activation
from tfedge_converters.ptq.recovery.linear_layers import (
    LinearLayer,
    own_constants,
    set_bias,
    set_weights,
)
from tfedge_converters.ptq.recovery.session import free_layers

# Factors beyond are those of channels that hardly say anything.
_LARGEST_FACTOR = 1e4

_HOMOGENEOUS = (schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU)

# Operators that treat channels alike and none together, and the operands that they take them from.
_PASSING = {
    "ADD": (0, 1),
    "AVERAGE_POOL_2D": (0,),
    "LEAKY_RELU": (0,),
    "MAX_POOL_2D": (0,),
    "MEAN": (0,),
    "PAD": (0,),
    "RELU": (0,),
    "RESHAPE": (0,),
}


@dataclass(frozen=True)
class Equalization:
    """Cross-layer equalisation, before calibration.

    RELU6 is not homogeneous, and no channel passes it. Activations that meet in a residual addition
    are scaled together, together with all that makes or reads any of them. Inputs and outputs of
    the model keep their scale, and so do layers that were trained on integer grids.

    Attributes:
        rounds: how often to go over all activations, as a layer has channels on both sides.
    """

    rounds: int = 20

    def apply(self, model: Model) -> None:
        """Rescale weights and biases of a float model in place."""
        own_constants(free_layers(model))
        meetings = find_meetings(model.main)
        for _ in range(self.rounds):
            for meeting in meetings:
                meeting.scale(meeting.factors())


@dataclass(eq=False)
class Meeting:
    """Activations whose channels can only be scaled together.

    Attributes:
        tensors: the activations.
        makers: the layers whose output channels are theirs.
        readers: the layers whose input channels are theirs.
        fixed: whether something else makes or reads one of them.
    """

    tensors: list[Tensor]
    makers: list[LinearLayer] = field(default_factory=list)
    readers: list[LinearLayer] = field(default_factory=list)
    fixed: bool = False

    @property
    def free(self) -> bool:
        """Whether its channels can be scaled."""
        known = any(tensor.range is not None for tensor in self.tensors)
        channels = {tensor.shape[-1:] for tensor in self.tensors}
        return not (self.fixed or known or len(channels) > 1) and bool(self.makers and self.readers)

    def factors(self) -> np.ndarray:
        """Compute the divisors of the channels: sqrt(range where made / range where read).

        float32 (channels,), above 0; 1 for a channel that is always 0, or that nothing reads.
        """
        made = np.max([_largest(_outgoing(layer)) for layer in self.makers], axis=0)
        read = np.max([_largest(_incoming(layer)) for layer in self.readers], axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            factors = np.sqrt(made / read)
        dead = (made == 0) | (read == 0)
        limited = factors.clip(1 / _LARGEST_FACTOR, _LARGEST_FACTOR)
        return np.where(dead, 1, limited).astype(np.float32)

    def scale(self, factors: np.ndarray) -> None:
        """Divide the channels by factors where they are made, multiply where they are read."""
        for layer in self.makers:
            bias = layer.bias() / factors
            _rescale(layer, _outgoing(layer) / factors[:, np.newaxis], _from_outgoing)
            set_bias(layer, bias)
        for layer in self.readers:
            _rescale(layer, _incoming(layer) * factors[:, np.newaxis], _from_incoming)


def find_meetings(graph: Graph) -> list[Meeting]:
    """The activations that can be scaled, in the order of the graph."""
    meeting_of = {
        id(tensor): Meeting([tensor]) for tensor in graph.tensors() if is_real_activation(tensor)
    }
    layers = {id(layer.operator): layer for layer in free_layers(Model([graph]))}
    for operator in graph.operators:
        if _passes(graph, operator):
            for tensor in _activations(operator.inputs):
                _merge(meeting_of, meeting_of[id(operator.outputs[0])], meeting_of[id(tensor)])
    for tensor in _activations([*graph.inputs, *graph.outputs]):
        meeting_of[id(tensor)].fixed = True
    for operator in graph.operators:
        _enter(graph, operator, layers.get(id(operator)), meeting_of)
    unique = {id(meeting): meeting for meeting in meeting_of.values()}
    return [meeting for meeting in unique.values() if meeting.free]


def _enter(
    graph: Graph, operator: Operator, layer: LinearLayer | None, meeting_of: dict[int, Meeting]
) -> None:
    """Note what an operator does with the activations that it touches."""
    if _passes(graph, operator):
        return
    homogeneous = layer is not None and layer.options.fusedActivationFunction in _HOMOGENEOUS
    for tensor in _activations(operator.outputs):
        meeting = meeting_of[id(tensor)]
        if layer is not None and homogeneous:
            meeting.makers.append(layer)
        else:
            meeting.fixed = True
    for tensor in _activations(operator.inputs):
        meeting = meeting_of[id(tensor)]
        if layer is not None and _reads_channels(layer):
            meeting.readers.append(layer)
        else:
            meeting.fixed = True


def _reads_channels(layer: LinearLayer) -> bool:
    """Whether the last dimension of the input is what weights have an input channel for."""
    dense = layer.operator.code == "FULLY_CONNECTED"
    return not dense or layer.source.shape[-1] == layer.weights.shape[1]


def _passes(graph: Graph, operator: Operator) -> bool:
    """Whether it lets scaled channels through, as they are."""
    if operator.code not in _PASSING:
        return False
    options = options_of(graph, operator)
    sources = [operator.inputs[index] for index in _PASSING[operator.code]]
    return (
        getattr(options, "fusedActivationFunction", _HOMOGENEOUS[0]) in _HOMOGENEOUS
        and all(is_real_activation(tensor) for tensor in sources)
        and all(_same_channels(operator, tensor) for tensor in sources if tensor is not None)
    )


def _same_channels(operator: Operator, source: Tensor) -> bool:
    """Whether the last dimensions of operand and result are the same channels."""
    if operator.code == "PAD":
        (paddings,) = (t for t in operator.inputs[1:2] if t is not None)
        return paddings.data is not None and not np.asarray(paddings.data)[-1:].any()
    if operator.code == "MEAN":
        axes = operator.inputs[1]
        last = (-1, len(source.shape) - 1)
        if axes is None or axes.data is None or np.isin(axes.data, last).any():
            return False
    return source.shape[-1:] == operator.outputs[0].shape[-1:]


def _merge(meeting_of: dict[int, Meeting], first: Meeting, second: Meeting) -> None:
    if first is second:
        return
    first.tensors += second.tensors
    for tensor in second.tensors:
        meeting_of[id(tensor)] = first


def _activations(tensors: Iterable[Tensor | None]) -> list[Tensor]:
    return [tensor for tensor in tensors if tensor is not None and is_real_activation(tensor)]


def _outgoing(layer: LinearLayer) -> np.ndarray:
    """The weights as (output channels, all that enters them)."""
    matrices = layer.matrices(np.asarray(layer.weights.data))
    return matrices.swapaxes(1, 2).reshape(layer.channels, -1)


def _from_outgoing(layer: LinearLayer, values: np.ndarray) -> np.ndarray:
    width = layer.channels // layer.groups
    return layer.constant(values.reshape(layer.groups, width, -1).swapaxes(1, 2))


def _incoming(layer: LinearLayer) -> np.ndarray:
    """The weights as (input channels, all that they enter)."""
    matrices = layer.matrices(np.asarray(layer.weights.data))
    groups, depth, width = matrices.shape
    channels = layer.source.shape[-1] // groups
    split = matrices.reshape(groups, depth // channels, channels, width)
    return split.transpose(0, 2, 1, 3).reshape(groups * channels, -1)


def _from_incoming(layer: LinearLayer, values: np.ndarray) -> np.ndarray:
    channels = layer.source.shape[-1] // layer.groups
    width = layer.channels // layer.groups
    split = values.reshape(layer.groups, channels, -1, width).transpose(0, 2, 1, 3)
    return layer.constant(split.reshape(layer.groups, -1, width))


def _rescale(layer: LinearLayer, values: np.ndarray, back) -> None:  # type: ignore[no-untyped-def]
    data = back(layer, values).astype(np.float32)
    set_weights(layer, lambda old: dataclasses.replace(old, data=data))


def _largest(rows: np.ndarray) -> np.ndarray:
    return np.abs(rows).max(axis=1, initial=0)
