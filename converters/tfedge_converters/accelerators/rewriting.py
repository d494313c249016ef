"""Changes of a model for the sake of an accelerator that keep every output bit."""

from __future__ import annotations

from tfedge_converters.accelerators.changes import CHANGES
from tfedge_converters.accelerators.description import Accelerator
from tfedge_converters.accelerators.mapping import map_graph
from tfedge_converters.graph.types import Graph, Model

# A change may bring operators that need another one.
_ROUNDS = 4


def rewrite(model: Model, accelerator: Accelerator) -> list[str]:
    """Makes all exact changes that help an accelerator, in place.

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
        wanted = [name for obstacle in placement.obstacles for name in obstacle.changes]
        for name in dict.fromkeys(wanted):
            change = CHANGES.get(name)
            if change is not None and change.exact and change.make(graph, placement.operator):
                made.append(name)
                break
    return made
