"""Removal of the questions whether numbers are finite: integers always are."""

from __future__ import annotations

from tfedge_converters.graph.bypass import bypass
from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.passes.dead_operators import remove_dead_operators
from tfedge_converters.graph.types import Model, Operator, Tensor, TensorType


def drop_finite_checks(model: Model) -> None:
    """Take the value for finite numbers where a graph asks whether x - x is 0.

    So TensorFlow writes `is_finite`, which guards the largest value in its logarithm of a sum of
    exponentials. In place; for models that will be quantised, whose numbers are finite. A
    comparison of what is always 0 has no grid that kernels could compute it on.
    """
    for graph in model.graphs:
        made_by = {id(tensor): op for op in graph.operators for tensor in op.outputs}
        chosen = [op for op in graph.operators if _takes_what_is_finite(op, made_by)]
        for operator in chosen:
            del operator.inputs[0]  # what stays in front is the value to take
        bypass(model, graph, chosen)
    remove_dead_operators(model)


def _takes_what_is_finite(operator: Operator, made_by: dict[int, Operator]) -> bool:
    match operator.inputs, operator.outputs:
        case [Tensor() as condition, Tensor() as value, Tensor()], [Tensor() as result]:
            return (
                traits_of(operator.code).selects
                and value.shape == result.shape
                and value.type == result.type == TensorType.FLOAT32
                and _is_finite_check(made_by.get(id(condition)), made_by)
            )
    return False


def _is_finite_check(operator: Operator | None, made_by: dict[int, Operator]) -> bool:
    """Whether it compares x - x with 0."""
    if operator is None or operator.code != "EQUAL" or len(operator.inputs) != 2:
        return False
    difference, zero = operator.inputs
    if difference is None or zero is None or zero.data is None or zero.data.any():
        return False
    source = made_by.get(id(difference))
    return (
        source is not None
        and source.code == "SUB"
        and len(source.inputs) == 2
        and source.inputs[0] is source.inputs[1]
    )
