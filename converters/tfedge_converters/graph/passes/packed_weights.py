"""Weights of four bits as bytes, for kernels that know int8 alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from tfedge.quantization.policy import INT8, OPERATORS
from tfedge_converters.graph.types import Graph, Operator, Tensor, TensorType


def _any(_operator: Operator) -> bool:
    return True


def unpack_weights(graph: Graph, where: Callable[[Operator], bool] = _any) -> Graph:
    """The same network with int8 in place of constant INT4 weights, on the same scales.

    Exact: kernels for int4 weights unpack them to int8 before they multiply. The given graph is
    not changed.

    Args:
        graph: any.
        where: chooses among the operators with packed weights.
    """
    twins: dict[int, Tensor] = {}
    operators = [
        _unpacked(operator, twins) if packed_weights(operator) and where(operator) else operator
        for operator in graph.operators
    ]
    return dataclasses.replace(graph, operators=operators) if twins else graph


def packed_weights(operator: Operator) -> list[Tensor]:
    """The constant INT4 weights of an operator."""
    policy = OPERATORS.get(operator.code)
    positions = [] if policy is None else [rule.operand for rule in policy.weights]
    operands = [operator.inputs[index] for index in positions if index < len(operator.inputs)]
    return [t for t in operands if t is not None and t.is_constant and t.type == TensorType.INT4]


def packed_without_kernel(operator: Operator) -> bool:
    """Whether TFLite Micro knows the operator with int4 weights, but not with such scales."""
    return operator.code == "FULLY_CONNECTED" and any(
        tensor.quantization is not None and tensor.quantization.per_channel
        for tensor in packed_weights(operator)
    )


def _unpacked(operator: Operator, twins: dict[int, Tensor]) -> Operator:
    for tensor in packed_weights(operator):
        assert tensor.data is not None
        data = tensor.data.astype(np.int8)
        twins.setdefault(id(tensor), dataclasses.replace(tensor, type=TensorType.INT8, data=data))
    return dataclasses.replace(
        operator,
        inputs=[None if t is None else twins.get(id(t), t) for t in operator.inputs],
        version=min(operator.version, OPERATORS[operator.code].versions[INT8]),
    )
