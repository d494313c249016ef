"""Constants of half precision, for kernels that read weights as they are stored."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfedge.quantization.policy import OPERATORS
from tfedge_converters.graph import svdf_operands
from tfedge_converters.graph.types import Graph, Operator, Tensor, TensorType


def read_halves(graph: Graph) -> Graph:
    """The same network without DEQUANTIZE of constant FLOAT16.

    Weights of SVDF and of the operators in the policy table stay FLOAT16, for kernels that make
    each of them real where they need it; other constants become FLOAT32. Exact: every FLOAT16
    number is one of FLOAT32. The given graph is not changed.
    """
    stored = {
        id(operator.outputs[0]): tensor
        for operator in graph.operators
        if operator.code == "DEQUANTIZE"
        for tensor in operator.inputs
        if tensor is not None and tensor.is_constant and tensor.type == TensorType.FLOAT16
    }
    if not stored:
        return graph
    real = {place: _as_real(tensor) for place, tensor in stored.items()}
    operators = [
        _rewired(operator, stored, real)
        for operator in graph.operators
        if not (operator.outputs and id(operator.outputs[0]) in stored)
    ]
    outputs = [real.get(id(tensor), tensor) for tensor in graph.outputs]
    return dataclasses.replace(graph, operators=operators, outputs=outputs)


def _rewired(operator: Operator, stored: dict[int, Tensor], real: dict[int, Tensor]) -> Operator:
    """Let an operator read constants in place of what DEQUANTIZE made of them."""
    if not any(id(tensor) in stored for tensor in operator.inputs):
        return operator
    weights = _weights_of(operator.code)
    inputs = [
        (stored if index in weights else real).get(id(tensor), tensor)
        for index, tensor in enumerate(operator.inputs)
    ]
    return dataclasses.replace(operator, inputs=inputs)


def _weights_of(code: str) -> tuple[int, ...]:
    """Where an operator has weights that its kernel reads as they are stored."""
    if code == "SVDF":  # which the quantiser does not make
        return (svdf_operands.FEATURE_WEIGHTS, svdf_operands.TIME_WEIGHTS)
    policy = OPERATORS.get(code)
    return () if policy is None else tuple(rule.operand for rule in policy.weights)


def _as_real(tensor: Tensor) -> Tensor:
    return dataclasses.replace(
        tensor, type=TensorType.FLOAT32, data=np.asarray(tensor.data).astype(np.float32)
    )
