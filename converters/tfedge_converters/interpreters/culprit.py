"""Search for the operator over which an interpreter ends its process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tfedge_converters.graph.types import Graph, Model
from tfedge_converters.worker.limits import Limits

# What is stuck is stuck after this part of the time too, and what is only slow is not looked for
# longer than this.
_SEARCH_PART = 0.25
_SEARCH_SECONDS = 3.0


def find_culprit(
    model: Model,
    kills: Callable[[Model, Limits], bool],
    limits: Limits,
    *,
    out_of_time: bool,
    certain: bool,
) -> int | None:
    """The last operator of the shortest beginning of the main graph that ends the process.

    Args:
        model: what did.
        kills: whether a model does, within limits.
        limits: what the model was run within.
        out_of_time: whether it took too long, instead of dying.
        certain: whether the model alone is to blame.

    Returns:
        The operator's position; None if the model cannot be cut so that it dies again.
    """
    if out_of_time:
        limits = replace(limits, seconds=min(_SEARCH_PART * limits.seconds, _SEARCH_SECONDS))
    low, high = 0, len(model.main.operators)  # as far as is known, what dies has more than `low`
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if kills(_beginning(model, middle), limits) else (middle, high)
    if high == len(model.main.operators) and not certain and not kills(model, limits):
        return None
    return high - 1 if high else None


def _beginning(model: Model, count: int) -> Model:
    graph = model.main
    operators = graph.operators[:count]
    beginning = Graph(graph.inputs, operators[-1].outputs, operators, graph.name)
    return Model([beginning, *model.graphs[1:]])
