"""Sequences for operators that interpreters lack an int8 kernel for, of those that they have."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph.types import Model, Operator, Tensor, TensorType


def replace_float_only(model: Model) -> None:
    """NEG becomes MUL by -1, SQUARE becomes MUL by itself, ADD_N becomes a chain of ADD."""
    for graph in model.graphs:
        graph.operators = [
            part for operator in graph.operators for part in _additions(operator) or [operator]
        ]
        for operator in graph.operators:
            rewrite = _FACTORS.get(operator.code)
            match operator.inputs, operator.outputs:
                case [Tensor(type=TensorType.FLOAT32) as source], [Tensor()] if rewrite:
                    operator.code = "MUL"
                    operator.inputs = [source, rewrite(source)]
                    operator.options = schema.MulOptionsT()
                    operator.version = 1


def _additions(operator: Operator) -> list[Operator]:
    """One ADD after the other in place of an ADD_N of real numbers; none in place of another."""
    operands = [tensor for tensor in operator.inputs if tensor is not None]
    if (
        operator.code != "ADD_N"
        or not 2 <= len(operands) == len(operator.inputs)
        or len(operator.outputs) != 1
        or any(tensor.type != TensorType.FLOAT32 for tensor in operands)
    ):
        return []
    result = operator.outputs[0]
    partial = operands[0]
    parts = []
    for index, operand in enumerate(operands[1:], start=1):
        is_last = index == len(operands) - 1
        name = f"{result.name}_of_{index + 1}"
        total = result if is_last else Tensor(name, result.shape, TensorType.FLOAT32)
        parts.append(Operator("ADD", [partial, operand], [total], schema.AddOptionsT(), 1))
        partial = total
    return parts


def _minus_one(source: Tensor) -> Tensor:
    data = np.array(-1, np.float32)
    return Tensor(f"{source.name}_negated", data.shape, TensorType.FLOAT32, data=data)


def _itself(source: Tensor) -> Tensor:
    return source


# Operator to what its operand is multiplied with.
_FACTORS: dict[str, Callable[[Tensor], Tensor]] = {"NEG": _minus_one, "SQUARE": _itself}
