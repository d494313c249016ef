"""Records that the rules of the layers make while a model is walked through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfedge.keras_graph.computation import Call, Value
from tfedge.pruning.channel_sets import Channels, ChannelSets

CONVOLUTION, DEPTHWISE, DENSE = "convolution", "depthwise", "dense"


@dataclass(eq=False)
class Weight:
    """A weight tensor with channels along some of its axes.

    Attributes:
        layer: that it belongs to.
        variable: the Keras variable.
        axes: of the tensor, counted from the end, and the channels along each.
        consumed: the axis along which what it is multiplied with lies; 0 for none.
            Along others lie results.
        reads: the values along that axis, one for every call; none where they stay inside.
        uses: multiply-accumulate operations that one element takes part in, an inference.
        kernel: the kind of kernel that they run in; empty for what is folded or only added.
    """

    layer: Any
    variable: Any
    axes: dict[int, Channels]
    consumed: int = 0
    reads: list[Value] = field(default_factory=list)
    uses: int = 0
    kernel: str = ""


@dataclass(eq=False)
class Setting:
    """An entry of a layer's configuration that counts channels.

    Attributes:
        layer: that it belongs to.
        key: of the entry; the last number of it where it is a tuple.
        channels: what it counts.
    """

    layer: Any
    key: str
    channels: Channels


@dataclass(eq=False)
class Origin:
    """Channels that a layer makes, so that their number is that layer's to choose.

    Attributes:
        layer: that makes them.
        what: they are: "channels", "units", "heads".
        channels: the channels.
        rounded: whether kernels like their number to be a multiple of something.
    """

    layer: Any
    what: str
    channels: Channels
    rounded: bool = True


@dataclass(eq=False)
class Product:
    """Multiply-accumulate operations between activations: so many for every channel."""

    layer: Any
    channels: Channels
    uses: int


@dataclass
class Trace:
    """Record of a model's channels.

    Attributes:
        sets: which of them stand or fall together.
        channels: of the last axis of every value, by identity.
        weights, settings, origins, products: see the classes.
        pinned: channels that stay, and why.
        mixed: channels that a layer normalises together, so that each of them changes the others.
        unfollowed: calls that no rule holds for, and why.
    """

    sets: ChannelSets = field(default_factory=ChannelSets)
    channels: dict[int, Channels] = field(default_factory=dict)
    weights: list[Weight] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    pinned: list[tuple[Channels, str]] = field(default_factory=list)
    mixed: list[Channels] = field(default_factory=list)
    unfollowed: list[tuple[Call, str]] = field(default_factory=list)

    def of(self, value: Value) -> Channels:
        """The channels of a value."""
        return self.channels[id(value)]

    def fresh(self, value: Value) -> Channels:
        """New channels for a value's last axis; none where its size is open."""
        return self.sets.fresh(last_size(value))

    def made(self, layer: Any, what: str, count: int, rounded: bool = True) -> Channels:
        """Channels that a layer makes: new ones, or those of its first call if it is shared."""
        for origin in self.origins:
            if origin.layer is layer and origin.what == what:
                return origin.channels
        self.origins.append(Origin(layer, what, self.sets.fresh(count), rounded))
        return self.origins[-1].channels

    def setting(self, layer: Any, key: str, channels: Channels) -> None:
        """Say that an entry of a layer's configuration counts these channels."""
        self.settings.append(Setting(layer, key, channels))

    def weight(
        self,
        layer: Any,
        variable: Any,
        axes: dict[int, Channels],
        reads: Value | None = None,
        uses: int = 0,
        kernel: str = "",
    ) -> None:
        """Say what lies along the axes of a weight; again, for every call of a shared layer.

        Args:
            layer: that the weight belongs to.
            variable: the weight; None if the layer has none.
            axes: and their channels; first the one that is summed over, where values are read.
            reads: the value that is multiplied with the weight.
            uses: multiply-accumulates of an element in this call.
            kernel: the kind of kernel.
        """
        if variable is None:
            return
        consumed = next(iter(axes)) if reads is not None else 0
        weight = self._known(variable) or Weight(layer, variable, axes, consumed, kernel=kernel)
        if weight.axes is axes:
            self.weights.append(weight)
        for axis, channels in axes.items():
            self.sets.couple(weight.axes[axis], channels)
        weight.uses += uses
        weight.reads += [reads] if reads is not None else []

    def inner_weight(
        self, layer: Any, variable: Any, axes: dict[int, Channels], uses: int, kernel: str
    ) -> None:
        """Record a weight as `weight` does, for products with values within the layer."""
        self.weight(layer, variable, axes, None, uses, kernel)
        weight = self._known(variable)
        assert weight is not None
        weight.consumed = next(iter(axes))

    def _known(self, variable: Any) -> Weight | None:
        return next((weight for weight in self.weights if weight.variable is variable), None)

    def pin(self, channels: Channels, reason: str) -> None:
        """Say that channels stay."""
        self.pinned.append((channels, reason))

    def pin_call(self, call: Call, reason: str) -> list[Channels]:
        """Pin whatever goes in and comes out of a call that cannot be followed."""
        for operand in call.operands:
            self.pin(self.of(operand), reason)
        results = [self.fresh(value) for value in call.results]
        for channels in results:
            self.pin(channels, reason)
        self.unfollowed.append((call, reason))
        return results


def last_size(value: Value) -> int:
    """Return the size of a value's last axis; 0 where it is open or only the batch."""
    shape = value.spec.shape
    return int(shape[-1] or 0) if len(shape) > 1 else 0


def positions(value: Value) -> int:
    """How many times a value has its last axis; open sizes count as 1."""
    return math.prod(size or 1 for size in value.spec.shape[1:-1])


def label_rows(channels: Channels, shape: Sequence[int | None], to: Sequence[int | None]) -> Any:
    """The channels of a value that is reshaped, as rows along its new last axis.

    Args:
        channels: of the old last axis.
        shape, to: the shapes, whose first axis is the batch.

    Returns:
        (rows, new channels), or None where sizes are open.
    """
    old = [size for size in shape[1:] if size is not None]
    new = [size for size in to[1:] if size is not None]
    if not old or not new or len(old) + len(new) < len(shape) + len(to) - 2:
        return None
    return np.broadcast_to(channels, old).reshape(-1, new[-1])
