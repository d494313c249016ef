"""Search for weights that share a few values, under a batch-norm's factors of their channels.

Folding multiplies every channel of a kernel by a factor of its own. With scales that have the same
factors the integers are those of the kernel, so that a value remains one integer; with a scale from
each channel's largest weight it would become many.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tfedge.clustered_values import is_clustered
from tfedge.quantization.policy import OPERATORS
from tfedge_converters.graph.types import Model, Operator, SharedWeights, Tensor, TensorType

# A product of two float32 numbers, and a batch-norm's factor that was rounded on its way.
_TOLERANCE = 2.0**-20


def _last_axis(kernel: np.ndarray) -> np.ndarray:
    """Arrange a kernel of convolutions or dense layers as rows, one a channel."""
    return np.moveaxis(kernel, -1, 0)


def _last_but_one(kernel: np.ndarray) -> np.ndarray:
    """Arrange a kernel of transposed convolutions as rows, one a channel."""
    return np.moveaxis(kernel, -2, 0)


def _last_two(kernel: np.ndarray) -> np.ndarray:
    """Arrange a kernel of depthwise convolutions as rows, one a channel."""
    return np.moveaxis(kernel.reshape(*kernel.shape[:-2], -1), -1, 0)


def _all_but_the_first(kernel: np.ndarray) -> np.ndarray:
    """Arrange a kernel of an attention's projections as rows, one a channel."""
    return kernel.reshape(len(kernel), -1).T


# How kernels of Keras have their output channels; the result has them first.
_LAYOUTS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    _last_axis, _last_but_one, _last_two, _all_but_the_first,
)  # fmt: skip


def annotate_shared_weights(model: Model, kernels: Sequence[np.ndarray]) -> None:
    """Set `Tensor.shared_weights` of every float32 filter that shares values.

    Args:
        model: after its weight markers were consumed: what training put on a grid stays there.
        kernels: of the Keras model that it was exported from, those with few values.
    """
    for graph in model.graphs:
        for operator in graph.operators:
            policy = OPERATORS.get(operator.code)
            for rule in policy.weights if policy is not None else ():
                weights = _filter(operator, rule.operand, rule.axis)
                if weights is not None:
                    shared = _shared(weights, rule.axis, kernels)
                    if shared is not None:
                        operator.inputs[rule.operand] = dataclasses.replace(
                            weights, shared_weights=shared
                        )


def _filter(operator: Operator, position: int, axis: int) -> Tensor | None:
    weights = operator.inputs[position] if position < len(operator.inputs) else None
    if weights is None or weights.data is None or weights.type != TensorType.FLOAT32:
        return None
    usable = weights.trained_weights is None and len(weights.shape) > max(axis, 1)
    return weights if usable and weights.elements else None


def _shared(weights: Tensor, axis: int, kernels: Sequence[np.ndarray]) -> SharedWeights | None:
    assert weights.data is not None
    moved = np.moveaxis(weights.data, axis, 0)
    rows = moved.reshape(len(moved), -1)
    for values in _candidates(kernels, rows.shape):
        factors = _factors(rows, values)
        if factors is not None:
            signed = (values * np.sign(factors)[:, np.newaxis]).astype(np.float32)
            layout = np.moveaxis(signed.reshape(moved.shape), 0, axis)
            return SharedWeights(layout, np.abs(factors).astype(np.float32))
    if is_clustered(rows):
        return SharedWeights(weights.data, np.ones(len(rows), np.float32))
    return None


def _candidates(kernels: Sequence[np.ndarray], shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Kernels as (channels, weights of a channel), in every layout of this shape."""
    for kernel in kernels:
        for layout in _LAYOUTS if kernel.size == shape[0] * shape[1] else ():
            moved = layout(kernel)
            if len(moved) == shape[0] and is_clustered(moved.reshape(shape)):
                yield moved.reshape(shape)


def _factors(rows: np.ndarray, values: np.ndarray) -> np.ndarray | None:
    """Find the factor of each channel's values, (channels,), not 0; None if there is none."""
    largest = np.abs(values).argmax(axis=1)[:, np.newaxis]
    made, given = (np.take_along_axis(a, largest, axis=1)[:, 0] for a in (rows, values))
    factors = np.divide(made, given, out=np.zeros(len(rows)), where=given != 0, dtype=np.float64)
    product = values * factors[:, np.newaxis]
    if not (np.abs(rows - product) <= _TOLERANCE * np.abs(product)).all():
        return None
    return np.where(factors == 0, 1.0, factors)
