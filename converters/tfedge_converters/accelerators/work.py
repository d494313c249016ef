"""How much an operator multiplies."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from tfedge_converters.graph.types import Operator


def macs(operator: Operator) -> int:
    """The products that are summed up in one run; 0 of operators that sum up none.

    Operands are those of the TFLite schema. Shapes that do not fit the operator count as 0.
    """
    count = _COUNTS.get(operator.code)
    try:
        return 0 if count is None else count(operator)
    except (AttributeError, IndexError, ZeroDivisionError):
        return 0


def _shape(operator: Operator, position: int) -> tuple[int, ...]:
    tensor = operator.inputs[position]
    return () if tensor is None else tensor.shape


def _convolution(operator: Operator) -> int:
    return operator.outputs[0].elements * math.prod(_shape(operator, 1)[1:])


def _depthwise(operator: Operator) -> int:
    return operator.outputs[0].elements * math.prod(_shape(operator, 1)[1:3])


def _transposed(operator: Operator) -> int:
    source = _shape(operator, 2)
    return math.prod(source) * math.prod(_shape(operator, 1)[:3])


def _dense(operator: Operator) -> int:
    return operator.outputs[0].elements * _shape(operator, 1)[-1]


def _products(operator: Operator) -> int:
    rows = _shape(operator, 0)
    return operator.outputs[0].elements * rows[-2 if operator.options.adjX else -1]


def _lstm(operator: Operator) -> int:
    steps = math.prod(_shape(operator, 0)[:-1])
    gates = [_shape(operator, position) for position in range(1, 9)]
    return steps * sum(math.prod(shape) for shape in gates)


_COUNTS: Mapping[str, Callable[[Operator], int]] = {
    "BATCH_MATMUL": _products,
    "CONV_2D": _convolution,
    "CONV_3D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "TRANSPOSE_CONV": _transposed,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}
