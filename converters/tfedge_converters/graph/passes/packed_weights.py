"""Weights of four bits as bytes, for kernels that know int8 alone."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfedge.quantization.policy import INT8, OPERATORS
from tfedge_converters.graph.types import Graph, Operator, Tensor, TensorType


def unpack_weights(graph: Graph) -> Graph:
    """The same network with int8 in place of constant INT4 weights, on the same scales.

    Exact: kernels for int4 weights unpack them to int8 before they multiply. The given graph is
    not changed.
    """
    if not any(map(packed_weights, graph.operators)):
        return graph
    return dataclasses.replace(graph, operators=[unpacked(item) for item in graph.operators])


def unpacked(operator: Operator) -> Operator:
    """The same operator with int8 weights; itself if it has no packed ones."""
    twins = {id(tensor): _twin(tensor) for tensor in packed_weights(operator)}
    if not twins:
        return operator
    return dataclasses.replace(
        operator,
        inputs=[None if t is None else twins.get(id(t), t) for t in operator.inputs],
        version=min(operator.version, OPERATORS[operator.code].versions[INT8]),
    )


def packed_weights(operator: Operator) -> list[Tensor]:
    """The constant INT4 weights of an operator."""
    policy = OPERATORS.get(operator.code)
    positions = [] if policy is None else [rule.operand for rule in policy.weights]
    operands = [operator.inputs[index] for index in positions if index < len(operator.inputs)]
    return [tensor for tensor in operands if tensor is not None and _is_packed(tensor)]


def _is_packed(tensor: Tensor) -> bool:
    return tensor.type == TensorType.INT4 and tensor.is_constant


def _twin(tensor: Tensor) -> Tensor:
    return dataclasses.replace(
        tensor, type=TensorType.INT8, data=np.asarray(tensor.data).astype(np.int8)
    )
