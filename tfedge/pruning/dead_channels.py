"""Channels that a model has no use for, whatever it is given.

A channel is dead if everywhere it is read it is a constant that the reader's bias can take over,
or the reader multiplies it with zeros. Zero can always be taken over; other constants where no
padding with zeros comes between. Constants are followed through the layers by what they compute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tfedge.keras_graph import private
from tfedge.keras_graph.computation import Call, Value
from tfedge.keras_graph.kinds import kind_of
from tfedge.pruning.channel_graph import ChannelGraph
from tfedge.pruning.layer_rules import (
    CONVOLUTION_READS,
    DENSE_READS,
    DEPTHWISE_READS,
    EINSUM_READS,
    ELEMENTWISE_LAYERS,
    ELEMENTWISE_OPERATIONS,
    SEPARABLE_READS,
    SPATIAL_LAYERS,
    TRANSPOSED_READS,
)
from tfedge.pruning.mixing import is_elementwise
from tfedge.pruning.rows import Row, Table, row, rows
from tfedge.pruning.tracing import Weight, label_rows, last_size

# The constant that every channel of a value is; NaN for those that are not.
Constants = np.ndarray


class DeadChannels:
    """Search for channels without a use.

    Args:
        graph: a model's channels.

    Attributes:
        groups: (groups,), whether they are dead. Any of them may be removed, alone or together.
    """

    def __init__(self, graph: ChannelGraph):
        self._graph = graph
        self._constants = _follow(graph)
        self.groups = self._find()

    def added_to_bias(self, keep: np.ndarray) -> dict[int, np.ndarray]:
        """Compute what the layers' biases get where some groups go, by the layers' identity.

        Args:
            keep: (groups,), whether they stay.
        """
        added = {}
        for weight in self._readers():
            constants = np.nan_to_num(self._read(weight))
            gone = ~keep[weight.axes[weight.consumed]] & (constants != 0)
            if gone.any() and _takes_constants(weight.layer):
                added[id(weight.layer)] = np.where(gone, constants, 0) @ _matrix(weight).sum(0)
        return added

    def _readers(self) -> list[Weight]:
        return [weight for weight in self._graph.weights if weight.consumed]

    def _read(self, weight: Weight) -> Constants:
        """Return the constants that a layer's weight is multiplied with, channel by channel."""
        count = len(weight.axes[weight.consumed])
        found = [np.repeat(c, count // len(c)) for c in map(self._of, weight.reads) if len(c)]
        if not found:
            return np.full(count, np.nan)
        same = np.all([np.equal(found[0], other) for other in found], 0)
        return np.where(same, found[0], np.nan)

    def _of(self, value: Value) -> Constants:
        return self._constants[id(value)]

    def _find(self) -> np.ndarray:
        dead = ~self._graph.pinned & ~self._graph.mixed
        uses = [(weight, self._taken_over(weight), _matrix(weight)) for weight in self._readers()]
        unread = np.zeros(self._graph.count, bool)
        while True:  # what only the dead read is dead too
            before, needed = unread.copy(), np.zeros(self._graph.count, bool)
            ignored = np.ones(self._graph.count, bool)
            for weight, taken, matrix in uses:
                channels = weight.axes[weight.consumed]
                silent = (matrix[:, :, ~_of_results(weight, unread)] == 0).all((0, 2))
                needed[channels[~taken & ~silent]] = True
                ignored[channels[~silent]] = False
            unread = ignored & dead
            if (unread == before).all():
                return dead & ~needed

    def _taken_over(self, weight: Weight) -> np.ndarray:
        constants = self._read(weight)
        if _takes_constants(weight.layer):
            return ~np.isnan(constants)
        return constants == 0


def _of_results(weight: Weight, groups: np.ndarray) -> np.ndarray:
    """Find the columns of a weight's matrix that belong to groups; none if they are no channels."""
    made = [channels for axis, channels in weight.axes.items() if axis != weight.consumed]
    columns = _matrix(weight).shape[2]
    if len(made) != 1 or len(made[0]) != columns:
        return np.zeros(columns, bool)
    return groups[made[0]]


def _matrix(weight: Weight) -> np.ndarray:
    """A kernel as (positions, read channels, results) in float64."""
    values = np.asarray(weight.variable.numpy(), np.float64)
    made = [axis for axis in weight.axes if axis != weight.consumed]
    values = np.moveaxis(values, [weight.consumed, *made], [-2, -1][: 1 + len(made)])
    return values.reshape(-1, *values.shape[-2:])


def _takes_constants(layer: Any) -> bool:
    """Whether a constant input is the same as a bias: nothing is padded with zeros."""
    kind = kind_of(layer)
    if kind == "Dense":
        return True
    return kind in _CONVOLUTIONS and (
        layer.padding == "valid" or all(size == 1 for size in layer.kernel_size)
    )


def _follow(graph: ChannelGraph) -> dict[int, Constants]:
    constants = {id(v): np.full(last_size(v), np.nan) for v in graph.computation.inputs}
    weights: dict[int, list[Weight]] = {}
    for weight in graph.weights:
        weights.setdefault(id(weight.layer), []).append(weight)
    for call in graph.computation.calls:
        given = [constants[id(value)] for value in call.inputs]
        rule = _RULES.rule_for(call)
        result = rule(call, given, weights.get(id(call.operation), [])) if rule and given else None
        for value in call.results:
            unknown = np.full(last_size(value), np.nan)
            constants[id(value)] = unknown if result is None else result
    return constants


Rule = Callable[[Call, list[Constants], list[Weight]], Constants | None]


def _weighted(call: Call, given: list[Constants], weights: list[Weight]) -> Constants | None:
    """A sum over inputs of which only constants have weights, the bias, and the activation."""
    layer = call.operation
    kernel = next((weight for weight in weights if weight.consumed), None)
    bias = getattr(layer, "bias", None)
    if kernel is None or (bias is not None and not _is_of_channels(bias, weights)):
        return None
    matrix = _matrix(kernel)
    inputs = np.repeat(given[0], matrix.shape[1] // len(given[0]))
    if not _takes_constants(layer):
        inputs = np.where(inputs == 0, 0, np.nan)
    read = (matrix != 0).any(0)
    products = np.where(read, inputs[:, np.newaxis] * matrix.sum(0), 0).sum(0)
    return _activated(layer, products + (0 if bias is None else bias.numpy()))


def _is_of_channels(bias: Any, weights: list[Weight]) -> bool:
    """Whether a bias is one number for every channel that a layer makes."""
    known = any(weight.variable is bias for weight in weights)
    return known and len(bias.shape) == 1


def _depthwise(call: Call, given: list[Constants], weights: list[Weight]) -> Constants | None:
    layer = call.operation
    kernel = np.asarray(layer.kernel.numpy(), np.float64)
    kernel = kernel.reshape(-1, kernel.shape[-2] * kernel.shape[-1])
    inputs = np.repeat(given[0], layer.depth_multiplier)
    if layer.padding != "valid" and kernel.shape[0] > 1:
        inputs = np.where(inputs == 0, 0, np.nan)
    products = np.where((kernel != 0).any(0), inputs * kernel.sum(0), 0)
    return _activated(layer, products + (0 if layer.bias is None else layer.bias.numpy()))


def _activated(layer: Any, constants: Constants) -> Constants | None:
    function = layer.activation
    if function is None:
        return constants
    return _apply(function, constants, 2) if is_elementwise(function, 3) else None


def _apply(function: Any, constants: Constants, rank: int) -> Constants:
    row = np.nan_to_num(constants).reshape(*([1] * (rank - 1)), -1).astype(np.float32)
    result = np.asarray(keras.ops.convert_to_numpy(function(row)), np.float64).reshape(-1)
    return np.where(np.isnan(constants), np.nan, result)


def _elementwise(call: Call, given: list[Constants], weights: list[Weight]) -> Constants | None:
    function, rank = call.operation.call, len(call.results[0].spec.shape)
    return _apply(function, given[0], rank) if is_elementwise(function, rank) else None


def _permuted(call: Call, given: list[Constants], weights: list[Weight]) -> Constants | None:
    dims = call.operation.dims
    return given[0] if dims[-1] == len(dims) else None


def _unchanged(call: Call, given: list[Constants], weights: list[Weight]) -> Constants | None:
    return given[0]


def _zero_stays(call: Call, given: list[Constants], weights: list[Weight]) -> Constants | None:
    return np.where(given[0] == 0, 0, np.nan)


def _not_negative(call: Call, given: list[Constants], weights: list[Weight]) -> Constants | None:
    return np.where(given[0] >= 0, given[0], np.nan)


def _batch_norm(call: Call, given: list[Constants], weights: list[Weight]) -> Constants | None:
    layer = call.operation
    if layer.axis not in (-1, len(call.shape) - 1):
        return None
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    gamma = 1.0 if layer.gamma is None else layer.gamma.numpy().astype(np.float64)
    beta = 0.0 if layer.beta is None else layer.beta.numpy().astype(np.float64)
    normalised = (given[0] - mean) / np.sqrt(variance + layer.epsilon)
    return np.where(np.equal(gamma, 0), beta, normalised * gamma + beta)


def _merged(function: Callable[[np.ndarray], np.ndarray]) -> Rule:
    def rule(call: Call, given: list[Constants], weights: list[Weight]) -> Constants | None:
        if not _are_values(call) or len({len(value.spec.shape) for value in call.inputs}) > 1:
            return None
        if any(private.mask_of(value.spec) is not None for value in call.inputs):
            return None  # Keras puts other numbers where a mask leaves a step out
        return function(np.array(np.broadcast_arrays(*given)))

    return rule


def _are_values(call: Call) -> bool:
    """Whether nothing goes in beside values of the model."""
    given = keras.tree.flatten(list(call.arguments.values()))
    return all(isinstance(item, Value) for item in given)


def _product(factors: np.ndarray) -> np.ndarray:
    return np.where((factors == 0).any(0), 0, factors.prod(0))


def _concatenated(call: Call, given: list[Constants], weights: list[Weight]) -> Constants | None:
    if not _are_values(call):
        return None
    if call.operation.axis in (-1, len(call.results[0].spec.shape) - 1):
        return np.concatenate(given)
    return _if_all_equal(np.array(given))


def _reshaped(call: Call, given: list[Constants], weights: list[Weight]) -> Constants | None:
    rows = label_rows(given[0], call.inputs[0].spec.shape, call.results[0].spec.shape)
    return None if rows is None else _if_all_equal(rows)


def _if_all_equal(rows: np.ndarray) -> Constants:
    return np.where((rows == rows[0]).all(0), rows[0], np.nan)


_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D")
_PADDING = ("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
_MERGED: dict[str, Rule] = {
    "Add": _merged(lambda terms: terms.sum(0)),
    "Maximum": _merged(lambda terms: terms.max(0)),
    "Minimum": _merged(lambda terms: terms.min(0)),
    "Multiply": _merged(_product),
    "Subtract": _merged(lambda terms: terms[0] - terms[1:].sum(0)),
}

_LAYERS: dict[str, Row[Rule]] = {
    **rows(_elementwise, ELEMENTWISE_LAYERS),
    **rows(_unchanged, SPATIAL_LAYERS),
    **rows(_zero_stays, dict.fromkeys(_PADDING, ("padding",))),
    **rows(_weighted, dict.fromkeys(_CONVOLUTIONS, CONVOLUTION_READS)),
    **rows(_weighted, {f"{name}Transpose": TRANSPOSED_READS for name in _CONVOLUTIONS}),
    **rows(_weighted, {f"SeparableConv{rank}D": SEPARABLE_READS for rank in (1, 2)}),
    **rows(_depthwise, {f"DepthwiseConv{rank}D": DEPTHWISE_READS for rank in (1, 2)}),
    **{name: row(rule) for name, rule in _MERGED.items()},
    "Average": row(_merged(lambda terms: terms.mean(0))),
    "BatchNormalization": row(
        _batch_norm,
        ("axis", "center", "epsilon", "renorm_clipping", "renorm_momentum", "scale"),
        ("mask",),
    ),
    "Concatenate": row(_concatenated, ("axis",)),
    "Dense": row(_weighted, DENSE_READS),
    "EinsumDense": row(_weighted, EINSUM_READS),
    "Flatten": row(_reshaped),
    "PReLU": row(_not_negative, ("shared_axes",)),
    "Permute": row(_permuted, ("dims",)),
    "RepeatVector": row(_unchanged, ("n",)),
    "Reshape": row(_reshaped, ("target_shape",)),
    "Resizing": row(
        _unchanged, ("antialias", "crop_to_aspect_ratio", "height", "interpolation", "width")
    ),
}
_OPERATIONS: dict[str, Row[Rule]] = {
    **rows(_elementwise, ELEMENTWISE_OPERATIONS),
    **{name: row(rule, (), ("x2",)) for name, rule in _MERGED.items()},
    "Concatenate": row(_concatenated, ("axis",)),
    "Reshape": row(_reshaped, ("newshape",)),
}
_RULES: Table[Rule] = Table(_LAYERS, _OPERATIONS)
