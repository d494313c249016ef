"""Removal of operators whose results nobody reads."""

from __future__ import annotations

from tfedge_converters.graph.passes.purity import is_pure
from tfedge_converters.graph.types import Graph, Model


def remove_dead_operators(model: Model) -> bool:
    """Remove what no output depends on, in place; operators with side effects stay.

    Returns:
        Whether an operator was removed.
    """
    changed = [_remove(model, graph) for graph in model.graphs]
    return any(changed)


def _remove(model: Model, graph: Graph) -> bool:
    wanted = {id(tensor) for tensor in graph.outputs}
    for signature in model.signatures:
        if signature.graph is graph:
            wanted.update(id(tensor) for tensor in signature.outputs.values())
    kept = []
    for operator in reversed(graph.operators):
        if not is_pure(operator) or any(id(tensor) in wanted for tensor in operator.outputs):
            kept.append(operator)
            wanted.update(id(tensor) for tensor in operator.inputs)
    changed = len(kept) < len(graph.operators)
    graph.operators = kept[::-1]
    return changed
