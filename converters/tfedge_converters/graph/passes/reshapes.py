"""Chains of RESHAPEs shortened: the second reads what the first one read."""

from __future__ import annotations

from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.types import Graph, Model, Operator


def merge_reshapes(model: Model) -> bool:
    """Shorten chains of reshapes, in place; what nobody reads any more is left to others.

    Returns:
        Whether a RESHAPE reads another tensor now.
    """
    changed = [_merge(graph) for graph in model.graphs]
    return any(changed)


def _merge(graph: Graph) -> bool:
    maker = {id(operator.outputs[0]): operator for operator in graph.operators if operator.outputs}
    changed = False
    for operator in graph.operators:
        if operator.code == "RESHAPE" and operator.inputs:
            before = maker.get(id(operator.inputs[0]))
            if before is not None and traits_of(before.code).is_view and _keeps_grid(before):
                operator.inputs[0] = before.inputs[0]
                changed = True
    return changed


def _keeps_grid(view: Operator) -> bool:
    source, result = view.inputs[0] if view.inputs else None, view.outputs[0]
    if source is None or source.elements != result.elements:
        return False
    if result.range is not None or result.bits is not None:
        return False
    if source.quantization is None:
        return result.quantization is None
    return source.quantization.same_as(result.quantization)
