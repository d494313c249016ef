"""Layers that multiply their input by constant weights, as products of matrices."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.quantization.policy import OPERATORS, WeightPolicy
from tfedge_converters.graph import Graph, Operator, Tensor, TensorType
from tfedge_converters.graph.operator_checks import options_of
from tfedge_converters.ptq.constant_values import constant_values
from tfedge_converters.ptq.recovery.windows import Windows, windows_of

_Fused = schema.ActivationFunctionType

# What a fused activation cuts results at.
BOUNDS = {
    _Fused.NONE: (-np.inf, np.inf),
    _Fused.RELU: (0.0, np.inf),
    _Fused.RELU6: (0.0, 6.0),
    _Fused.RELU_N1_TO_1: (-1.0, 1.0),
}


@dataclass(frozen=True, eq=False)
class LinearLayer:
    """One convolution or dense layer of a float graph.

    Its results are rows of a product of matrices: results[g] = rows[g] @ matrices[g] + bias[g], for
    groups g of channels that share inputs: one group in most layers, as many as input channels in
    depthwise ones. `depth` numbers of the input enter each of a group's `width` results.

    Attributes:
        operator: CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED.
        rule: what the policy says of its weights.
        options: the operator's, or the schema's defaults.
    """

    operator: Operator
    rule: WeightPolicy
    options: Any

    @property
    def name(self) -> str:
        """Name of the layer for people: the first of the names that made its result."""
        return self.operator.outputs[0].name.split(";")[0]

    @property
    def source(self) -> Tensor:
        """The activation that weights are multiplied with."""
        return _present(self.operator, self.rule.input)

    @property
    def result(self) -> Tensor:
        """The activation that it makes."""
        return self.operator.outputs[0]

    @property
    def weights(self) -> Tensor:
        """Constant tensor of the weights."""
        return _present(self.operator, self.rule.operand)

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return self.weights.shape[self.rule.axis]

    @property
    def groups(self) -> int:
        """Groups of channels."""
        if self.operator.code == "FULLY_CONNECTED":
            return 1
        inputs = self.source.shape[3]
        depthwise = self.operator.code == "DEPTHWISE_CONV_2D"
        return inputs if depthwise else inputs // self.weights.shape[3]

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest result that the fused activation lets through."""
        return BOUNDS[self.options.fusedActivationFunction]

    def bias(self) -> np.ndarray:
        """float32 (channels,); zeros if it has none."""
        index = self.rule.bias
        assert index is not None
        tensor = self.operator.inputs[index] if index < len(self.operator.inputs) else None
        if tensor is None:
            return np.zeros(self.channels, np.float32)
        return constant_values(tensor).reshape(-1)

    def matrices(self, values: np.ndarray) -> np.ndarray:
        """An array of the weights' shape as (groups, depth, width)."""
        if self.operator.code == "DEPTHWISE_CONV_2D":
            return values.reshape(-1, self.groups, self.channels // self.groups).swapaxes(0, 1)
        return values.reshape(self.groups, self.channels // self.groups, -1).swapaxes(1, 2)

    def constant(self, matrices: np.ndarray) -> np.ndarray:
        """The inverse of `matrices`."""
        swapped = (0, 1) if self.operator.code == "DEPTHWISE_CONV_2D" else (1, 2)
        return np.ascontiguousarray(matrices.swapaxes(*swapped)).reshape(self.weights.shape)

    def by_channel(self, values: np.ndarray) -> np.ndarray:
        """An array (channels,) or (1,) as (groups, 1, width), or (1, 1, 1)."""
        return values.reshape(1 if values.size == 1 else self.groups, 1, -1)

    def rows_of(self, samples: int) -> int:
        """How many rows that many samples make."""
        return samples * (self.result.elements // self.channels)

    def rows(self, source: np.ndarray, chosen: np.ndarray | None = None) -> np.ndarray:
        """The inputs of chosen results, as (groups, chosen, depth).

        Args:
            source: (samples, *shape of `self.source`).
            chosen: numbers of rows, of all that `results` has; None for all of them.
        """
        if self.operator.code == "FULLY_CONNECTED":
            return _chosen(source.reshape(-1, self.weights.shape[1]), chosen)[np.newaxis]
        windows = self._windows().of(source.reshape(-1, *self.source.shape[1:]))
        if chosen is not None:
            windows = windows[np.unravel_index(chosen, windows.shape[:3])]
        # Channels of a group next to each other, then taps, as in the weights.
        taps = windows.reshape(-1, windows.shape[-3] * windows.shape[-2], self.groups, self._share)
        return taps.transpose(2, 0, 1, 3).reshape(self.groups, len(taps), -1)

    def spread(self, rows: np.ndarray) -> np.ndarray:
        """The transpose of `rows` of all results: for every input, the sum over what it enters.

        Args:
            rows: (groups, all, depth).

        Returns:
            An array (samples, *shape of `self.source`).
        """
        shape = -1, *self.source.shape
        if self.operator.code == "FULLY_CONNECTED":
            return rows.reshape(shape)
        windows = self._windows()
        taps = rows.reshape(self.groups, rows.shape[1], -1, self._share).transpose(1, 2, 0, 3)
        placed = taps.reshape(-1, *windows.count, *windows.kernel, self.source.shape[3])
        return windows.spread(placed).reshape(shape)

    def results(self, values: np.ndarray, chosen: np.ndarray | None = None) -> np.ndarray:
        """Chosen results, as (groups, chosen, width), of (samples, *shape of `self.result`)."""
        rows = _chosen(values.reshape(-1, self.channels), chosen)
        return rows.reshape(len(rows), self.groups, -1).swapaxes(0, 1)

    def values(self, results: np.ndarray) -> np.ndarray:
        """The inverse of `results` of all: (samples, *shape of `self.result`)."""
        return results.swapaxes(0, 1).reshape(-1, *self.result.shape)

    @property
    def _share(self) -> int:
        """How many channels of an image a group sees."""
        return self.source.shape[3] // self.groups

    def _windows(self) -> Windows:
        return windows_of(self.options, self.source, self.result, self.weights.shape[1:3])


def linear_layers(graph: Graph) -> list[LinearLayer]:
    """The layers of a float graph that can be written so, in its order."""
    found = []
    for operator in graph.operators:
        if operator.code in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            (rule,) = OPERATORS[operator.code].weights
            layer = LinearLayer(operator, rule, options_of(graph, operator))
            if _is_plain(layer):
                found.append(layer)
    return found


def own_constants(layers: list[LinearLayer]) -> None:
    """Give every layer weights and a bias that no other operator has."""
    for layer in layers:
        set_weights(layer, lambda tensor: dataclasses.replace(tensor))
        set_bias(layer, layer.bias())


def set_weights(layer: LinearLayer, change: Callable[[Tensor], Tensor]) -> None:
    """Give a layer other weights, made from those that it has."""
    layer.operator.inputs[layer.rule.operand] = change(layer.weights)


def set_bias(layer: LinearLayer, values: np.ndarray) -> None:
    """Give a layer a bias, float32 (channels,)."""
    index = layer.rule.bias
    assert index is not None
    inputs = layer.operator.inputs
    inputs += [None] * (index + 1 - len(inputs))
    name = f"{layer.name}/bias" if inputs[index] is None else inputs[index].name  # type: ignore[union-attr]
    inputs[index] = Tensor(name, values.shape, TensorType.FLOAT32, data=values.astype(np.float32))


def _is_plain(layer: LinearLayer) -> bool:
    weights = layer.operator.inputs[layer.rule.operand]
    return (
        weights is not None
        and weights.is_constant
        and weights.type == TensorType.FLOAT32
        and layer.options.fusedActivationFunction in BOUNDS
    )


def _chosen(rows: np.ndarray, chosen: np.ndarray | None) -> np.ndarray:
    return rows if chosen is None else rows[chosen]


def _present(operator: Operator, index: int) -> Tensor:
    tensor = operator.inputs[index]
    assert tensor is not None
    return tensor
