"""Operators between the linear layers of a block: each one's function and its derivative.

Values are arrays of shape (samples, *tensor.shape), constants have one sample. Activation functions
fused into an operator are none of its own: whoever runs an operator cuts its results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfedge_converters.graph import Graph, Operator, Tensor, TensorType
from tfedge_converters.graph.operator_checks import options_of
from tfedge_converters.ptq.recovery.linear_layers import BOUNDS
from tfedge_converters.ptq.recovery.windows import Windows, windows_of

Values = Sequence[np.ndarray]


@dataclass(frozen=True, eq=False)
class Operation:
    """An operator with its options, the schema's defaults if it has none."""

    operator: Operator
    options: Any

    @property
    def result(self) -> Tensor:
        """The activation that it makes."""
        return self.operator.outputs[0]

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest result that the fused activation lets through."""
        return BOUNDS[getattr(self.options, "fusedActivationFunction", 0)]

    def integers(self, index: int) -> np.ndarray:
        """A constant operand, of integers."""
        tensor = self.operator.inputs[index]
        assert tensor is not None
        return np.asarray(tensor.data)


@dataclass(frozen=True)
class Rule:
    """How to compute an operator, and how its operands move its result.

    Attributes:
        operands: how many of the operator's inputs are real; those behind are constants.
        forward: of the operation and its operands, the result.
        backward: of the operation, its operands, and the derivative of a loss by the result, the
            derivatives by the operands, of their shapes.
    """

    operands: int
    forward: Callable[[Operation, Values], np.ndarray]
    backward: Callable[[Operation, Values, np.ndarray], list[np.ndarray]]


def has_rule(graph: Graph, operator: Operator) -> bool:
    """Whether `RULES` has the operator, as it stands."""
    if operator.code not in RULES or len(operator.outputs) != 1:
        return False
    count = RULES[operator.code].operands
    real, others = operator.inputs[:count], operator.inputs[count:]
    options = options_of(graph, operator)
    return (
        len(real) == count
        and all(t is not None and t.type == TensorType.FLOAT32 and not t.is_variable for t in real)
        and all(tensor is None or tensor.is_constant for tensor in others)
        and getattr(options, "fusedActivationFunction", 0) in BOUNDS
    )


def _add(_: Operation, operands: Values) -> np.ndarray:
    first, second = _aligned(operands)
    return first + second


def _add_backward(_: Operation, operands: Values, gradient: np.ndarray) -> list[np.ndarray]:
    return [_summed(gradient, operand) for operand in operands]


def _multiply(_: Operation, operands: Values) -> np.ndarray:
    first, second = _aligned(operands)
    return first * second


def _multiply_backward(_: Operation, operands: Values, gradient: np.ndarray) -> list[np.ndarray]:
    first, second = _aligned(operands)
    return [_summed(gradient * second, operands[0]), _summed(gradient * first, operands[1])]


def _average(operation: Operation, operands: Values) -> np.ndarray:
    sums = _pool(operation).of(_images(operands[0])).sum(axis=(3, 4))
    return (sums / _pool_sizes(operation)).reshape(-1, *operation.result.shape)


def _average_backward(
    operation: Operation, operands: Values, gradient: np.ndarray
) -> list[np.ndarray]:
    windows = _pool(operation)
    each = (_images(gradient) / _pool_sizes(operation))[:, :, :, np.newaxis, np.newaxis]
    shape = *each.shape[:3], *windows.kernel, each.shape[-1]
    return [windows.spread(np.broadcast_to(each, shape)).reshape(operands[0].shape)]


def _pool(operation: Operation) -> Windows:
    (source,), options = operation.operator.inputs, operation.options
    assert source is not None
    return windows_of(
        options, source, operation.result, (options.filterHeight, options.filterWidth)
    )


def _pool_sizes(operation: Operation) -> np.ndarray:
    """How many pixels each window has within the image: (1, height, width, 1)."""
    windows = _pool(operation)
    return windows.of(np.ones((1, *windows.image, 1), np.float32)).sum(axis=(3, 4))


def _images(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, *values.shape[2:])


def _mean(operation: Operation, operands: Values) -> np.ndarray:
    means = operands[0].mean(axis=_mean_axes(operation, operands[0]))
    return means.reshape(-1, *operation.result.shape)


def _mean_backward(
    operation: Operation, operands: Values, gradient: np.ndarray
) -> list[np.ndarray]:
    (source,) = operands
    axes = _mean_axes(operation, source)
    shape = [1 if axis in axes else size for axis, size in enumerate(source.shape)]
    each = gradient.reshape(shape) * gradient.dtype.type(gradient.size / source.size)
    return [np.broadcast_to(each, source.shape)]


def _mean_axes(operation: Operation, source: np.ndarray) -> tuple[int, ...]:
    """Return the axes of the mean, behind that of the samples."""
    rank = source.ndim - 1
    return tuple(int(axis) % rank + 1 for axis in operation.integers(1).reshape(-1))


def _pad(operation: Operation, operands: Values) -> np.ndarray:
    return np.pad(operands[0], [(0, 0), *operation.integers(1).tolist()])


def _pad_backward(operation: Operation, operands: Values, gradient: np.ndarray) -> list[np.ndarray]:
    pairs = zip(operation.integers(1), operands[0].shape[1:], strict=True)
    inner = [slice(None), *(slice(before, before + size) for (before, _), size in pairs)]
    return [gradient[tuple(inner)]]


def _reshape(operation: Operation, operands: Values) -> np.ndarray:
    return operands[0].reshape(-1, *operation.result.shape)


def _reshape_backward(_: Operation, operands: Values, gradient: np.ndarray) -> list[np.ndarray]:
    return [gradient.reshape(operands[0].shape)]


def _element_wise(
    function: Callable[[np.ndarray], np.ndarray], derivative: Callable[[np.ndarray], np.ndarray]
) -> Rule:
    return Rule(
        1,
        lambda _, operands: function(operands[0]),
        lambda _, operands, gradient: [gradient * derivative(operands[0])],
    )


def _sigmoid(x: np.ndarray) -> np.ndarray:
    # By tanh, which does not overflow.
    return 0.5 * np.tanh(0.5 * x) + 0.5


def _aligned(operands: Values) -> list[np.ndarray]:
    """With as many dimensions, such that they are broadcast as their tensors are."""
    rank = max(operand.ndim for operand in operands)
    return [operand.reshape(_aligned_shape(operand, rank)) for operand in operands]


def _aligned_shape(operand: np.ndarray, rank: int) -> tuple[int, ...]:
    return len(operand), *[1] * (rank - operand.ndim), *operand.shape[1:]


def _summed(gradient: np.ndarray, operand: np.ndarray) -> np.ndarray:
    """The derivative by an operand that was broadcast."""
    shape = _aligned_shape(operand, gradient.ndim)
    axes = tuple(axis for axis, size in enumerate(shape) if size < gradient.shape[axis])
    return (gradient.sum(axis=axes) if axes else gradient).reshape(operand.shape)


RULES = {
    "ADD": Rule(2, _add, _add_backward),
    "AVERAGE_POOL_2D": Rule(1, _average, _average_backward),
    "HARD_SWISH": _element_wise(
        lambda x: x * (x + 3).clip(0, 6) / 6,
        lambda x: np.where(np.abs(x) < 3, x / 3 + 0.5, x > 0).astype(x.dtype),
    ),
    "LOGISTIC": _element_wise(_sigmoid, lambda x: _sigmoid(x) * _sigmoid(-x)),
    "MEAN": Rule(1, _mean, _mean_backward),
    "MUL": Rule(2, _multiply, _multiply_backward),
    "PAD": Rule(1, _pad, _pad_backward),
    "RELU": _element_wise(lambda x: x.clip(0), lambda x: x > 0),
    "RELU6": _element_wise(lambda x: x.clip(0, 6), lambda x: (x > 0) & (x < 6)),
    "RESHAPE": Rule(1, _reshape, _reshape_backward),
}
