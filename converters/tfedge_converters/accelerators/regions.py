"""Which operators an accelerator gets of those that it could compute."""

from __future__ import annotations

from collections.abc import Collection

from tfedge_converters.graph.types import Graph, Operator


def first_region(graph: Graph, able: Collection[int]) -> set[int]:
    """The ids of the operators of the first region of a graph.

    Graphs are cut as TensorFlow Lite cuts them for delegates (`graph_info.cc`,
    `PartitionGraphIntoIndependentNodeSubsets`): a region takes every operator of its kind whose
    operands are known, until there is none, and the first operator that is ready then decides the
    kind of the next region. What is behind the first region of the accelerator stays on the CPU.

    Args:
        able: ids of the operators that the accelerator can compute.
    """
    waiting = list(graph.operators)
    unknown = {id(tensor) for operator in waiting for tensor in operator.outputs}
    while waiting:
        region = _take(waiting, unknown, able)
        if not region or id(region[0]) in able:
            return {id(operator) for operator in region}
    return set()


def _take(waiting: list[Operator], unknown: set[int], able: Collection[int]) -> list[Operator]:
    """Move the next region out of `waiting`, and its results out of `unknown`."""
    region: list[Operator] = []
    # Operators are in an order in which they can run, so that one pass finds all.
    for operator in list(waiting):
        ready = not any(id(tensor) in unknown for tensor in operator.inputs if tensor is not None)
        same = not region or (id(operator) in able) == (id(region[0]) in able)
        if ready and same:
            region.append(operator)
            unknown.difference_update(id(tensor) for tensor in operator.outputs)
    taken = {id(operator) for operator in region}
    waiting[:] = [operator for operator in waiting if id(operator) not in taken]
    return region
