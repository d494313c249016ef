"""Costs of a model on a device, as a function of the channels that it keeps.

Multiply-accumulate operations (MACs) are those of convolutions, matrix products and attention
(`macs.py`); layers of which nobody knows them are listed, and count as 0. Parameters are elements
of weights. RAM is bytes of int8 activations: the largest set of values that are alive at once, with
the columns that a convolution gathers; reshapes, and element-wise layers whose operand ends with
them, work in place. Instructions are MACs times what one takes in kernels of its kind on a core.
Open sizes count as 1.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge.keras_graph.computation import Call, Value
from tfedge.keras_graph.kinds import described, kind_of
from tfedge.near_names import near
from tfedge.pruning.channel_graph import ChannelGraph
from tfedge.pruning.layer_rules import (
    ELEMENTWISE_LAYERS,
    ELEMENTWISE_OPERATIONS,
    MERGING_LAYERS,
    MERGING_OPERATIONS,
)
from tfedge.pruning.macs import macs_of
from tfedge.pruning.tracing import CONVOLUTION, DENSE, DEPTHWISE, Weight, positions

# Instructions of a MAC in tfedge's own kernels (`optimize="balanced"`), from what
# docs/measurements/mcu.md lists: dense of ad, convolutions of ic, and depthwise ones of what is
# left of kws and vww, which agree within 7 %. All else that a layer does is in them.
INSTRUCTIONS_PER_MAC = {
    "cortex-m0": {DENSE: 5.3, CONVOLUTION: 4.7, DEPTHWISE: 20.0},
    "cortex-m3": {DENSE: 2.7, CONVOLUTION: 2.7, DEPTHWISE: 8.8},
    "cortex-m4": {DENSE: 1.9, CONVOLUTION: 1.9, DEPTHWISE: 15.0},
}

_IN_PLACE = frozenset(
    (*ELEMENTWISE_LAYERS, *ELEMENTWISE_OPERATIONS, *MERGING_LAYERS, *MERGING_OPERATIONS)
) | {"BatchNormalization", "PReLU", "Rescaling", "Softmax"}
_VIEWS = frozenset(("Dropout", "Flatten", "Identity", "Reshape"))
_BYTES = {"float": 1, "int": 4, "uint": 4, "bool": 1}
_GATHERED_COLUMNS = 2


class Axes:
    """The different axes of a model, numbered as they come up."""

    def __init__(self, groups: int):
        self._groups = groups
        self._index: dict[bytes, int] = {}
        self._rows: list[np.ndarray] = []

    def index(self, channels: np.ndarray) -> int:
        """The number of an axis along which these channels lie."""
        key = channels.tobytes()
        if key not in self._index:
            self._index[key] = len(self._rows)
            self._rows.append(np.bincount(channels, minlength=self._groups))
        return self._index[key]

    @property
    def incidence(self) -> np.ndarray:
        """(axes, groups), how often an axis has a channel of a group."""
        return np.array(self._rows, np.int64).reshape(len(self._rows), self._groups)


@dataclass(frozen=True)
class Term:
    """A product of a number and the sizes of axes, -1 for none."""

    factor: float
    first: int = -1
    second: int = -1


@dataclass(eq=False)
class Sum:
    """A cost that is a sum over layers.

    Attributes:
        terms: to sum up.
    """

    terms: list[Term]
    _factor: np.ndarray = field(init=False, repr=False)
    _axes: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._factor = np.array([term.factor for term in self.terms])
        pairs = [(term.first, term.second) for term in self.terms]
        self._axes = np.array(pairs, int).reshape(-1, 2)

    def parts(self, sizes: np.ndarray) -> np.ndarray:
        """Evaluate every term; `sizes` has a 1 at its end for those without an axis."""
        return self._factor * sizes[self._axes].prod(1)

    def amount(self, sizes: np.ndarray) -> float:
        """Evaluate the sum for these sizes."""
        return float(self.parts(sizes).sum())

    def excess(self, sizes: np.ndarray, limit: float) -> float:
        """How far it is above a limit."""
        return max(0.0, self.amount(sizes) - limit)


@dataclass(eq=False)
class Peak:
    """A cost that is the largest of sums over steps.

    Attributes:
        buffers: their sizes.
        live: (steps, buffers), whether a buffer is in use.
    """

    buffers: Sum
    live: np.ndarray

    def _steps(self, sizes: np.ndarray) -> np.ndarray:
        return self.live @ self.buffers.parts(sizes)

    def amount(self, sizes: np.ndarray) -> float:
        """The largest step."""
        return float(self._steps(sizes).max(initial=0.0))

    def excess(self, sizes: np.ndarray, limit: float) -> float:
        """How far all steps together are above a limit.

        Where several steps are as large as the largest, one smaller step gains nothing of its own.
        """
        return float(np.maximum(0.0, self._steps(sizes) - limit).sum())


Cost = Sum | Peak


@dataclass(eq=False)
class LayerCost:
    """Terms of one layer's multiply-accumulates and of its parameters."""

    name: str
    kind: str
    macs: Sum
    parameters: Sum


class Costs:
    """The costs of a model.

    Args:
        graph: the model's channels.

    Attributes:
        incidence: (axes, groups), how often an axis has a channel of a group.
        uncounted: layers and operations whose MACs nobody knows.
    """

    def __init__(self, graph: ChannelGraph):
        self._graph = graph
        self._axes = Axes(graph.count)
        self._macs = [term for weight in graph.weights for term in self._macs_of(weight)]
        unfollowed, self.uncounted = unfollowed_macs(graph)
        self._macs += unfollowed
        self.macs = Sum([term for _, _, term in self._macs] + self._products(None))
        self.parameters = Sum([term for one in self._operations() for term in self._weights(one)])
        self.channels = Sum([Term(1, self._axes.index(f.groups)) for f in graph.families])
        self.ram = self._peak()
        self.incidence = self._axes.incidence

    def warn_of_uncounted(self) -> None:
        """Say of which layers nobody knows the MACs, to whoever goes by the MACs of all."""
        if self.uncounted:
            warnings.warn(
                f"{', '.join(described(one) for one in self.uncounted)}: nobody knows what they "
                "multiply, so MACs and instructions are those of the other layers",
                stacklevel=2,
            )

    def sizes(self, keep: np.ndarray) -> np.ndarray:
        """Return the size of every axis, where `keep` says which groups stay; a 1 at the end."""
        return np.append(self.incidence @ keep, 1)

    def instructions(self, core: str) -> Sum:
        """Estimated for a core.

        Raises:
            TfedgeError: nothing is known of the core.
        """
        if core not in INSTRUCTIONS_PER_MAC:
            raise TfedgeError(
                f"how many instructions a MAC takes is known of {', '.join(INSTRUCTIONS_PER_MAC)}, "
                f"not of '{core}'{near(core, INSTRUCTIONS_PER_MAC)}"
            )
        each = INSTRUCTIONS_PER_MAC[core]
        terms = [Term(t.factor * each[kind], t.first, t.second) for _, kind, t in self._macs]
        products = [Term(t.factor * each[DENSE], t.first, t.second) for t in self._products(None)]
        return Sum(terms + products)

    def by_layer(self, names: dict[int, str]) -> list[LayerCost]:
        """List the costs of layers that have weights or multiply, in the order of their calls."""
        rows = []
        multiply = {id(owner) for owner, _, _ in self._macs}
        for layer in self._operations():
            if not getattr(layer, "weights", None) and id(layer) not in multiply:
                continue
            macs = [term for owner, _, term in self._macs if owner is layer]
            rows.append(
                LayerCost(
                    names[id(layer)],
                    type(layer).__name__,
                    Sum(macs + self._products(layer)),
                    Sum(self._weights(layer)),
                )
            )
        return rows

    def _operations(self) -> list[Any]:
        calls = self._graph.computation.calls
        return list({id(call.operation): call.operation for call in calls}.values())

    def _term(self, weight: Weight, factor: float) -> Term:
        shape = weight.variable.shape
        sliced = [axis % len(shape) for axis in weight.axes]
        rest = math.prod(size for axis, size in enumerate(shape) if axis not in sliced)
        axes = [self._axes.index(channels) for channels in weight.axes.values()]
        return Term(factor * rest, *axes)

    def _macs_of(self, weight: Weight) -> Iterable[tuple[Any, str, Term]]:
        if weight.kernel:
            yield weight.layer, weight.kernel, self._term(weight, weight.uses)

    def _products(self, layer: Any) -> list[Term]:
        """Between activations, of one layer or, with None, of all."""
        return [
            Term(product.uses, self._axes.index(product.channels))
            for product in self._graph.products
            if layer is None or product.layer is layer
        ]

    def _weights(self, layer: Any) -> list[Term]:
        known = {id(weight.variable): weight for weight in self._graph.weights}
        return [
            self._term(known[id(variable)], 1)
            if id(variable) in known
            else Term(math.prod(variable.shape))
            for variable in getattr(layer, "weights", ())
        ]

    def _peak(self) -> Peak:
        buffers = _Buffers(self._graph.computation)
        terms = [self._value_term(buffer.value) for buffer in buffers.values]
        spans = [(buffer.first, buffer.last) for buffer in buffers.values]
        for step, call in enumerate(self._graph.computation.calls):
            for term in self._gathered(call):
                terms.append(term)
                spans.append((step, step))
        steps = np.arange(len(self._graph.computation.calls))[:, np.newaxis]
        first, last = np.array(spans, int).reshape(-1, 2).T
        return Peak(Sum(terms), ((steps >= first) & (steps <= last)).astype(np.int64))

    def _value_term(self, value: Value) -> Term:
        kind = value.spec.dtype.rstrip("0123456789").removeprefix("b")
        each = _BYTES.get(kind, 1)
        channels = self._graph.of(value)
        return Term(each * positions(value), self._axes.index(channels) if len(channels) else -1)

    def _gathered(self, call: Call) -> list[Term]:
        """The columns that a convolution copies together; a kernel of one position needs none."""
        return [
            Term(
                _GATHERED_COLUMNS * math.prod(weight.variable.shape[:-2]),
                self._axes.index(weight.axes[weight.consumed]),
            )
            for weight in self._graph.weights
            if weight.layer is call.operation
            and weight.kernel == CONVOLUTION
            and weight.consumed
            and math.prod(weight.variable.shape[:-2]) > 1
        ]


def unfollowed_macs(graph: ChannelGraph) -> tuple[list[tuple[Any, str, Term]], list[Any]]:
    """Count calls whose channels are not followed, as wrappers of layers: what they cost stays.

    Returns:
        Operations with the kinds of kernels and terms, and the operations that cannot be counted.
    """
    found, unknown = [], []
    for call in graph.unfollowed:
        try:
            found += [(call.operation, m.kind, Term(m.count)) for m in macs_of(call)]
        except UnsupportedError:
            unknown.append(call.operation)
    return found, unknown


@dataclass(eq=False)
class _Buffer:
    """Memory of a value and of what is computed in its place, between two steps, inclusive."""

    value: Value
    first: int
    last: int


class _Buffers:
    """Which values of a computation share memory, and when it is in use."""

    def __init__(self, computation: Any):
        self.values: list[_Buffer] = []
        self._of: dict[int, _Buffer] = {}
        self._last_use = _last_uses(computation)
        for value in computation.inputs:
            self._add(value, 0)
        for step, call in enumerate(computation.calls):
            for value in call.results:
                shared = self._shared(call, step, value)
                if shared is None:
                    self._add(value, step)
                else:
                    self._of[id(value)] = shared
                    shared.last = max(shared.last, self._last_use.get(id(value), step))

    def _add(self, value: Value, step: int) -> None:
        buffer = _Buffer(value, step, self._last_use.get(id(value), step))
        self.values.append(buffer)
        self._of[id(value)] = buffer

    def _shared(self, call: Call, step: int, result: Value) -> _Buffer | None:
        kind = kind_of(call.operation)
        if kind in _VIEWS:
            return self._of[id(call.operands[0])]
        for operand in call.operands if kind in _IN_PLACE else ():
            buffer = self._of[id(operand)]
            if buffer.last == step and operand.spec.shape == result.spec.shape:
                return buffer
        return None


def _last_uses(computation: Any) -> dict[int, int]:
    last: dict[int, int] = {}
    for step, call in enumerate(computation.calls):
        for operand in call.operands:
            last[id(operand)] = step
    end = max(len(computation.calls) - 1, 0)
    return {**last, **{id(value): end for value in computation.outputs}}
