"""Remedies and their gains: rewrites are tried on a copy of the graph, which is checked again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from tfedge.terminal_text import readable
from tfedge_converters.accelerators.mapping import GraphMapping, Placement, map_graph
from tfedge_converters.accelerators.rewrites import REWRITES, Rewrite
from tfedge_converters.graph.types import Graph, Operator


@dataclass(frozen=True)
class Remedy:
    """A way to let the accelerator compute more.

    Attributes:
        change: a key of `rewrites.REWRITES`.
        what: what to do.
        operators: positions of the operators that it is done to, in the graph that it is tried on.
        names: what these operators make.
        exact: whether every output bit stays; `fitting.rewrite` can make it then.
        mapped, macs: operators and multiplications that the accelerator computes more (or less) in
            the changed graph.
        on_cpu: operators that stay on the CPU then.
    """

    change: str
    what: str
    operators: tuple[int, ...]
    names: tuple[str, ...]
    exact: bool
    mapped: int
    macs: int
    on_cpu: int

    @property
    def helps(self) -> bool:
        """Whether anything gets better at all."""
        return self.mapped > 0 or self.macs > 0


def remedies(mapping: GraphMapping) -> list[Remedy]:
    """List the remedies for the operators on the CPU, the largest gain first."""
    found = [_tried(mapping, name, wanted) for name, wanted in _wanted(mapping).items()]
    known = [each[0] for each in found if each is not None]
    return sorted(known, key=lambda remedy: (-remedy.mapped, -remedy.macs, remedy.on_cpu))


def plan(mapping: GraphMapping) -> tuple[list[Remedy], GraphMapping]:
    """Changes one after the other, beginning at the first operator that is refused.

    Alone, a change gains nothing behind another operator that stays on the CPU; here, each counts
    from where the one before it has led. Leaving operators to the host comes last.

    Returns:
        The steps, with the gain of each over the one before; and the mapping behind the last.
    """
    steps: list[Remedy] = []
    tried: set[str] = set()
    while len(steps) < len(REWRITES):
        found = _next_step(mapping, tried)
        if found is None:
            break
        step, mapping = found
        steps.append(step)
    return steps, mapping


def _next_step(mapping: GraphMapping, tried: set[str]) -> tuple[Remedy, GraphMapping] | None:
    wanted = _wanted(mapping)
    for name in sorted(wanted, key=lambda name: name == _LAST):
        if name in tried:
            continue
        tried.add(name)
        found = _tried(mapping, name, wanted[name])
        if found is not None and (name == _LAST or found[0].mapped >= 0 <= found[0].macs):
            return found
    return None


# A change that ends all others.
_LAST = "to_host"


def _wanted(mapping: GraphMapping) -> dict[str, list[Placement]]:
    """The operators that name a change, by the change's name."""
    wanted: dict[str, list[Placement]] = {}
    for placement in mapping.on_cpu:
        names = [name for reason in placement.reasons for name in reason.changes]
        for name in dict.fromkeys(names):
            if name in REWRITES:
                wanted.setdefault(name, []).append(placement)
    return wanted


def _tried(
    mapping: GraphMapping, name: str, wanted: list[Placement]
) -> tuple[Remedy, GraphMapping] | None:
    """A change to all operators that want it, and the mapping that it leads to."""
    change = REWRITES[name]
    graph, done = _changed(mapping.graph, change, wanted)
    if not done:
        return None
    after = map_graph(graph, mapping.accelerator)
    remedy = Remedy(
        change=name,
        what=change.what,
        operators=tuple(done),
        names=tuple(_name(mapping, index) for index in done),
        exact=change.exact,
        mapped=len(after.mapped) - len(mapping.mapped),
        macs=after.mapped_macs - mapping.mapped_macs,
        on_cpu=len(after.on_cpu),
    )
    return remedy, after


def _name(mapping: GraphMapping, index: int) -> str:
    """Name the operator by its result, a name that stays while other operators change."""
    outputs = mapping.graph.operators[index].outputs
    return readable(outputs[0].name.split(";")[0]) if outputs else ""


def _changed(graph: Graph, change: Rewrite, wanted: list[Placement]) -> tuple[Graph, list[int]]:
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
