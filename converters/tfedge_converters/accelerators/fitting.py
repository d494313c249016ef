"""Exact changes that make a model fit for an accelerator; every output bit stays."""

from __future__ import annotations

from tfedge_converters.accelerators.description import Accelerator
from tfedge_converters.accelerators.mapping import map_graph
from tfedge_converters.accelerators.rewrites import REWRITES
from tfedge_converters.graph.types import Graph, Model

# A change may bring operators that need another one.
_ROUNDS = 4


def fit(model: Model, accelerator: Accelerator) -> bool:
    """Write a model as the accelerator's tools want it, in place.

    Exact changes are made that let it compute more; sizes that shapes leave open are fixed; and
    operators get their lowest versions, if the accelerator asks for that.

    Returns:
        Whether anything changed.
    """
    changed = bool(rewrite(model, accelerator))
    if accelerator.lowest_versions:
        lower = REWRITES["lowest_version"].attempt
        lowered = [lower(model.main, operator) for operator in list(model.main.operators)]
        changed = any(lowered) or changed
    if accelerator.fixed_shapes:
        changed = _fix_shapes(model) or changed
    return changed


def _fix_shapes(model: Model) -> bool:
    open_ = [t for graph in model.graphs for t in graph.tensors() if t.shape_signature is not None]
    for tensor in open_:
        tensor.shape_signature = None
    return bool(open_)


def rewrite(model: Model, accelerator: Accelerator) -> list[str]:
    """Make all exact changes that help an accelerator, in place.

    Returns:
        The names of the changes that were made, each once.
    """
    made: dict[str, None] = {}
    for _ in range(_ROUNDS):
        names = _rewrite_once(model.main, accelerator)
        if not names:
            break
        made.update(dict.fromkeys(names))
    return list(made)


def _rewrite_once(graph: Graph, accelerator: Accelerator) -> list[str]:
    made = []
    for placement in map_graph(graph, accelerator).on_cpu:
        wanted = [name for reason in placement.reasons for name in reason.changes]
        for name in dict.fromkeys(wanted):
            change = REWRITES.get(name)
            if change is not None and change.exact and change.attempt(graph, placement.operator):
                made.append(name)
                break
    return made
