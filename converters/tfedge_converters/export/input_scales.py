"""Factors with which a Keras model multiplies its inputs before it does anything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from tfedge.keras_graph import private

# Layers and functions of one tensor that are x * a + b for every element.
_AFFINE = frozenset(
    {
        "Add", "BatchNormalization", "Divide", "Multiply", "Normalization", "Rescaling", "Subtract",
        "TrueDivide",
    }
)  # fmt: skip


def input_scales(model: Any) -> dict[int, float]:
    """The factors of inputs that a Functional or Sequential model scales first.

    It is evidence of the values that the model wants: a factor of 1 / 255 is for images of 8 bits.

    Args:
        model: a Keras model, or anything, which has none.

    Returns:
        The mean over the channels of each factor that is not 1, by the place of the input.
    """
    graph = private.graph_in(model)
    if not isinstance(graph, keras.Function):
        return {}
    factors = {place: _factor(graph, tensor) for place, tensor in enumerate(graph.inputs)}
    return {place: factor for place, factor in factors.items() if factor not in (0.0, 1.0)}


def _factor(graph: Any, tensor: Any) -> float:
    """Multiply the slopes of the first layers that read one input."""
    factor = 1.0
    readers = list(_readers(graph, tensor))
    while len(readers) == 1:
        node = readers[0]
        inner = private.graph_in(node.operation)
        if len(node.input_tensors) != 1:
            break
        if isinstance(inner, keras.Function):
            return factor * _factor(inner, inner.inputs[0])
        if type(node.operation).__name__ not in _AFFINE:
            break
        factor *= _slope(node, tensor)
        tensor = node.output_tensors[0]
        readers = list(_readers(graph, tensor))
    return factor


def _readers(graph: Any, tensor: Any) -> Iterator[Any]:
    for operation in graph.operations:
        for node in private.nodes_of(operation):
            if any(tensor is given for given in node.input_tensors):
                yield node


def _slope(node: Any, tensor: Any) -> float:
    """Measure how much the result grows if every element is 1 more, on average."""
    shape = [1 if size is None else size for size in tensor.shape]
    low, high = (_called(node, tensor, np.full(shape, value, np.float32)) for value in (0, 1))
    return float(np.mean(high - low))


def _called(node: Any, tensor: Any, value: np.ndarray) -> np.ndarray:
    args, kwargs = node.arguments.fill_in({id(tensor): keras.ops.convert_to_tensor(value)})
    return np.asarray(keras.ops.convert_to_numpy(node.operation(*args, **kwargs)))
