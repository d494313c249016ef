"""What helps, and how much: changes are tried on a copy of the graph, which is checked again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from tfedge_converters.accelerators.changes import CHANGES, Change
from tfedge_converters.accelerators.mapping import GraphMapping, Placement, map_graph
from tfedge_converters.graph.types import Graph, Operator


@dataclass(frozen=True)
class Remedy:
    """A way to let the accelerator compute more.

    Attributes:
        change: a key of `changes.CHANGES`.
        what: what to do.
        operators: positions of the operators that it is done to.
        exact: whether every output bit stays; `fitting.rewrite` can make it then.
        mapped, macs: operators and multiplications that the accelerator computes more (or less) in
            the changed graph.
        on_cpu: operators that stay on the CPU then.
    """

    change: str
    what: str
    operators: tuple[int, ...]
    exact: bool
    mapped: int
    macs: int
    on_cpu: int

    @property
    def helps(self) -> bool:
        """Whether anything gets better at all."""
        return self.mapped > 0 or self.macs > 0


def remedies(mapping: GraphMapping) -> list[Remedy]:
    """What can be done about the operators on the CPU, the largest gain first."""
    found = [_tried(mapping, name, wanted) for name, wanted in _wanted(mapping).items()]
    known = [remedy for remedy in found if remedy is not None]
    return sorted(known, key=lambda remedy: (-remedy.mapped, -remedy.macs, remedy.on_cpu))


def all_together(mapping: GraphMapping, chosen: Sequence[Remedy]) -> GraphMapping | None:
    """The mapping after several changes, one after the other; None if nothing changed."""
    graph, changed = _copy(mapping.graph), False
    for remedy in chosen:
        change = CHANGES[remedy.change]
        for placement in map_graph(graph, mapping.accelerator).on_cpu:
            if _wants(placement, remedy.change):
                changed = change.attempt(graph, placement.operator) or changed
    return map_graph(graph, mapping.accelerator) if changed else None


def _wanted(mapping: GraphMapping) -> dict[str, list[Placement]]:
    """The operators that name a change, by the change's name."""
    wanted: dict[str, list[Placement]] = {}
    for placement in mapping.on_cpu:
        names = [name for obstacle in placement.obstacles for name in obstacle.changes]
        for name in dict.fromkeys(names):
            if name in CHANGES:
                wanted.setdefault(name, []).append(placement)
    return wanted


def _wants(placement: Placement, name: str) -> bool:
    return any(name in obstacle.changes for obstacle in placement.obstacles)


def _tried(mapping: GraphMapping, name: str, wanted: list[Placement]) -> Remedy | None:
    change = CHANGES[name]
    graph, done = _changed(mapping.graph, change, wanted)
    if not done:
        return None
    after = map_graph(graph, mapping.accelerator)
    return Remedy(
        change=name,
        what=change.what,
        operators=tuple(done),
        exact=change.exact,
        mapped=len(after.mapped) - len(mapping.mapped),
        macs=after.mapped_macs - mapping.mapped_macs,
        on_cpu=len(after.on_cpu),
    )


def _changed(graph: Graph, change: Change, wanted: list[Placement]) -> tuple[Graph, list[int]]:
    """A changed copy, and the positions of the operators that could be changed."""
    copied = _copy(graph)
    operators = list(copied.operators)
    done = []
    for placement in wanted:
        twin = operators[placement.index]
        still_there = any(operator is twin for operator in copied.operators)
        if still_there and change.attempt(copied, twin):
            done.append(placement.index)
    return copied, done


def _copy(graph: Graph) -> Graph:
    """A graph whose operators can be changed; tensors are shared, and must not be."""
    return Graph(
        list(graph.inputs), list(graph.outputs), [_twin(o) for o in graph.operators], graph.name
    )


def _twin(operator: Operator) -> Operator:
    return dataclasses.replace(
        operator, inputs=list(operator.inputs), outputs=list(operator.outputs)
    )
