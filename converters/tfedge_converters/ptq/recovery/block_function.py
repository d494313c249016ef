"""A block as a function of its layers' weights, with the derivative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tfedge_converters.graph import Graph, Tensor
from tfedge_converters.graph.operator_checks import options_of
from tfedge_converters.ptq.recovery.gradients import RULES, Operation
from tfedge_converters.ptq.recovery.linear_layers import LinearLayer
from tfedge_converters.ptq.recovery.reconstruction_units import ReconstructionUnit


@dataclass(eq=False)
class Run:
    """Values that a block computed, for its derivative.

    Attributes:
        weights: as given.
        values: by id of the tensor, (samples, *tensor.shape).
        rows: what each linear layer's weights were multiplied with, by id of its operator.
    """

    weights: Mapping[int, np.ndarray]
    values: dict[int, np.ndarray]
    rows: dict[int, np.ndarray] = field(default_factory=dict)


class BlockFunction:
    """A block in float as a function of its weights, with its derivative.

    Weights are matrices (groups, depth, width), by id of the layer's operator.
    """

    def __init__(self, graph: Graph, block: ReconstructionUnit):
        self._block = block
        self._operations = [Operation(o, options_of(graph, o)) for o in block.operators]
        self._linear = {id(layer.operator): layer for layer in (*block.layers, *block.fixed)}
        self._learned = {id(layer.operator) for layer in block.layers}
        self._moved = self._find_moved()

    def run(self, sources: Mapping[int, np.ndarray], weights: Mapping[int, np.ndarray]) -> Run:
        """Compute all values.

        Args:
            sources: of the block, by id of the tensor, each (samples, *tensor.shape).
            weights: of all linear layers.
        """
        run = Run(weights, dict(sources))
        for operation in self._operations:
            run.values[id(operation.result)] = self._result(operation, run)
        return run

    def result(self, run: Run) -> np.ndarray:
        """Return the block's output."""
        return run.values[id(self._block.result)]

    def slopes(self, run: Run, gradient: np.ndarray) -> dict[int, np.ndarray]:
        """The derivatives of a loss by the weights of the layers that may be changed.

        Args:
            run: where to differentiate.
            gradient: the derivative of the loss by the result, of its shape.
        """
        slopes: dict[int, np.ndarray] = {}
        gradients = {id(self._block.result): gradient}
        for operation in reversed(self._operations):
            if id(operation.result) not in gradients:
                continue
            inner = _within_bounds(operation, run, gradients.pop(id(operation.result)))
            layer = self._linear.get(id(operation.operator))
            if layer is None:
                operands = self._operands(operation, run)
                moves = RULES[operation.operator.code].backward(operation, operands, inner)
                for tensor, move in zip(operation.operator.inputs, moves, strict=False):
                    self._add(gradients, tensor, move)
            else:
                self._differentiate(layer, run, inner, slopes, gradients)
        return slopes

    def _find_moved(self) -> set[int]:
        """Ids of the activations that depend on weights that may be changed."""
        moved: set[int] = set()
        for operation in self._operations:
            read = {id(tensor) for tensor in operation.operator.inputs}
            if id(operation.operator) in self._learned or read & moved:
                moved.add(id(operation.result))
        return moved

    def _result(self, operation: Operation, run: Run) -> np.ndarray:
        key = id(operation.operator)
        layer = self._linear.get(key)
        if layer is None:
            rule = RULES[operation.operator.code]
            values = rule.forward(operation, self._operands(operation, run))
        else:
            run.rows[key] = layer.rows(run.values[id(layer.source)])
            product = run.rows[key] @ run.weights[key]
            values = layer.values(product + layer.by_channel(layer.bias()))
        low, high = operation.bounds
        return values if (low, high) == (-np.inf, np.inf) else values.clip(low, high)

    def _operands(self, operation: Operation, run: Run) -> list[np.ndarray]:
        count = RULES[operation.operator.code].operands
        return [_value(tensor, run) for tensor in operation.operator.inputs[:count]]

    def _differentiate(
        self,
        layer: LinearLayer,
        run: Run,
        gradient: np.ndarray,
        slopes: dict[int, np.ndarray],
        gradients: dict[int, np.ndarray],
    ) -> None:
        key, moves = id(layer.operator), layer.results(gradient)
        if key in self._learned:
            slopes[key] = run.rows[key].swapaxes(1, 2) @ moves
        if id(layer.source) in self._moved:
            back = layer.spread(moves @ run.weights[key].swapaxes(1, 2))
            self._add(gradients, layer.source, back)

    def _add(
        self, gradients: dict[int, np.ndarray], tensor: Tensor | None, move: np.ndarray
    ) -> None:
        if id(tensor) in self._moved:
            key = id(tensor)
            gradients[key] = gradients[key] + move if key in gradients else move


def _within_bounds(operation: Operation, run: Run, gradient: np.ndarray) -> np.ndarray:
    """Mask a derivative where the fused activation clips."""
    low, high = operation.bounds
    if (low, high) == (-np.inf, np.inf):
        return gradient
    values = run.values[id(operation.result)]
    return gradient * ((values > low) & (values < high))


def _value(tensor: Tensor | None, run: Run) -> np.ndarray:
    assert tensor is not None
    if tensor.is_constant:
        return np.asarray(tensor.data)[np.newaxis]
    return run.values[id(tensor)]
