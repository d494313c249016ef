"""The channels of a model, in the groups that can only be removed together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfedge.keras_graph.computation import Call, Computation, Value, computation_of
from tfedge.pruning.channel_sets import Channels
from tfedge.pruning.layer_rules import follow
from tfedge.pruning.tracing import Product, Setting, Trace, Weight, last_size


@dataclass(frozen=True, eq=False)
class Family:
    """Groups that take part in the same layers' widths, so that one is as good as another.

    Attributes:
        layers: the names of the layers whose channels they are.
        groups: their numbers.
        rounded: whether kernels like their number to be a multiple of something.
    """

    layers: tuple[str, ...]
    groups: np.ndarray
    rounded: bool


@dataclass(frozen=True)
class LayerChannels:
    """Number of channels that a layer makes, and how many of them may be removed.

    Attributes:
        layer: its name.
        what: "channels", "units" or "heads".
        total, removable: how many there are, and how many of them may go.
        kept_because: the first reason for those that may not.
        has_no_rule: whether nothing is known of how its channels pass through it.
    """

    layer: str
    what: str
    total: int
    removable: int
    kept_because: str = ""
    has_no_rule: bool = False


@dataclass(eq=False)
class ChannelGraph:
    """A model's channels; wherever `Channels` stand in here, they are numbers of groups.

    Attributes:
        computation: the model as a list of calls.
        count: how many groups there are.
        weights, settings, products: what has channels, see `tracing`.
        families: of groups that may be removed.
        pinned: whether a group has to stay.
        layers: what can become of each layer's channels.
        mixed: whether a group is normalised together with others.
        unfollowed: calls that no rule holds for.
    """

    computation: Computation
    count: int
    weights: list[Weight]
    settings: list[Setting]
    products: list[Product]
    families: list[Family]
    pinned: np.ndarray
    layers: list[LayerChannels]
    mixed: np.ndarray
    unfollowed: list[Call]
    _channels: dict[int, Channels] = field(repr=False)

    def of(self, value: Value) -> Channels:
        """The groups along a value's last axis."""
        return self._channels[id(value)]


def channel_graph(model: Any) -> ChannelGraph:
    """Follow the channels of a model from layer to layer.

    Args:
        model: a built Keras 3 model: functional, sequential, nested, or subclassed if its `call`
            runs on symbolic tensors.

    Raises:
        TfedgeError: the model is not a built Keras 3 model.
        UnsupportedError: a subclassed model's `call` cannot run on symbolic tensors.
    """
    computation = computation_of(model)
    trace = _walk(computation)
    numbers, count = trace.sets.groups()
    reasons = _reasons(trace, numbers)
    pinned = np.zeros(count, bool)
    pinned[list(reasons)] = True
    noting: list[Any] = [*trace.settings, *trace.origins, *trace.products]
    for noted in noting:
        noted.channels = numbers[noted.channels]
    for weight in trace.weights:
        weight.axes = {axis: numbers[channels] for axis, channels in weight.axes.items()}
    unfollowed = [
        LayerChannels(
            call.operation.name, "channels", last_size(call.results[0]), 0, reason, has_no_rule=True
        )
        for call, reason in trace.unfollowed
        if getattr(call.operation, "weights", None)
    ]
    mixed = np.zeros(count, bool)
    for channels in trace.mixed:
        mixed[numbers[channels]] = True
    return ChannelGraph(
        computation,
        count,
        trace.weights,
        trace.settings,
        trace.products,
        _families(trace, pinned),
        pinned,
        [_layer_channels(origin, pinned, reasons) for origin in trace.origins] + unfollowed,
        mixed,
        [call for call, _ in trace.unfollowed],
        {key: numbers[channels] for key, channels in trace.channels.items()},
    )


def _walk(computation: Computation) -> Trace:
    trace = Trace()
    for value in computation.inputs:
        trace.channels[id(value)] = trace.fresh(value)
        trace.pin(trace.of(value), f"'{value.name}' is an input of the model")
    for call in computation.calls:
        results = follow(trace, call)
        for value, channels in zip(call.results, results, strict=True):
            trace.channels[id(value)] = channels
    for value in computation.outputs:
        trace.pin(trace.of(value), "it is an output of the model")
    return trace


def _reasons(trace: Trace, numbers: np.ndarray) -> dict[int, str]:
    reasons: dict[int, str] = {}
    for channels, reason in trace.pinned:
        for group in np.unique(numbers[channels]).tolist():
            reasons.setdefault(group, reason)
    return reasons


def _families(trace: Trace, pinned: np.ndarray) -> list[Family]:
    members: dict[int, list[int]] = {}
    for index, origin in enumerate(trace.origins):
        for group in np.unique(origin.channels).tolist():
            members.setdefault(group, []).append(index)
    families: dict[tuple[int, ...], list[int]] = {}
    for group in sorted(members):
        if not pinned[group]:
            families.setdefault(tuple(members[group]), []).append(group)
    return [
        Family(
            tuple(trace.origins[index].layer.name for index in key),
            np.array(groups),
            any(trace.origins[index].rounded for index in key),
        )
        for key, groups in families.items()
    ]


def _layer_channels(origin: Any, pinned: np.ndarray, reasons: dict[int, str]) -> LayerChannels:
    stays = origin.channels[pinned[origin.channels]]
    reason = reasons[int(stays[0])] if len(stays) else ""
    total = len(origin.channels)
    return LayerChannels(origin.layer.name, origin.what, total, total - len(stays), reason)
