"""Removal of operators that hand on what they get."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph.bypass import bypass
from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor


def remove_no_operations(model: Model) -> bool:
    """Remove operators whose result equals their operand, bit for bit and grid for grid, in place.

    An operator that makes an output of the graph stays: it is the output's name and place.

    Returns:
        Whether an operator was removed.
    """
    changed = [_remove(model, graph) for graph in model.graphs]
    return any(changed)


def _remove(model: Model, graph: Graph) -> bool:
    outputs = {id(tensor) for tensor in graph.outputs}
    idle = [
        operator
        for operator in graph.operators
        if _is_no_operation(operator) and id(operator.outputs[0]) not in outputs
    ]
    for operator in idle:
        source = _data(operator)
        assert source is not None
        operator.inputs = [source]
        # The operator that runs last is closest to what reads the values.
        source.range = operator.outputs[0].range or source.range
        source.bits = operator.outputs[0].bits or source.bits
    bypass(model, graph, idle)
    return bool(idle)


def _is_no_operation(operator: Operator) -> bool:
    hands_on = _HANDS_ON.get(operator.code)
    source = _data(operator)
    if hands_on is None or source is None or len(operator.outputs) != 1:
        return False
    return _same_kind(source, operator.outputs[0]) and hands_on(operator)


def _data(operator: Operator) -> Tensor | None:
    index = traits_of(operator.code).data_operand
    return operator.inputs[index] if index < len(operator.inputs) else None


def _same_kind(source: Tensor, output: Tensor) -> bool:
    """Whether nothing that reads one could tell it from the other."""
    if source.quantization is None:
        same_grid = output.quantization is None
    else:
        same_grid = source.quantization.same_as(output.quantization)
    return (
        same_grid
        and source.shape == output.shape
        and source.type == output.type
        and not (source.is_variable or output.is_variable)
    )


def _always(_operator: Operator) -> bool:
    return True


def _operand(operator: Operator, index: int) -> np.ndarray | None:
    tensor = operator.inputs[index] if index < len(operator.inputs) else None
    return None if tensor is None else tensor.data


def _all(index: int, value: int) -> Callable[[Operator], bool]:
    """Whether a constant operand holds one value everywhere."""

    def check(operator: Operator) -> bool:
        data = _operand(operator, index)
        return data is not None and bool((data == value).all())

    return check


def _keeps_order(operator: Operator) -> bool:
    order = _operand(operator, 1)
    return order is not None and order.reshape(-1).tolist() == list(range(order.size))


def _takes_all(operator: Operator) -> bool:
    source, begin = operator.inputs[0], _operand(operator, 1)
    return source is not None and begin is not None and not begin.any() and 0 not in source.shape


def _joins_one(operator: Operator) -> bool:
    plain = schema.ActivationFunctionType.NONE
    activation = getattr(operator.options, "fusedActivationFunction", None)
    return len(operator.inputs) == 1 and activation == plain


# For each operator, what must hold besides equal shapes, types and grids.
_HANDS_ON: dict[str, Callable[[Operator], bool]] = {
    "CAST": _always,
    "CONCATENATION": _joins_one,
    "MIRROR_PAD": _all(1, 0),
    "PAD": _all(1, 0),
    "PADV2": _all(1, 0),
    "QUANTIZE": _always,
    "RESHAPE": _always,
    "SLICE": _takes_all,
    "SPLIT": _always,
    "TILE": _all(1, 1),
    "TRANSPOSE": _keeps_order,
}
