"""Which operators of a graph an accelerator computes, and why it does not compute the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tfedge_converters.accelerators.description import Accelerator, Condition
from tfedge_converters.accelerators.facts import OperatorFacts, Wiring
from tfedge_converters.accelerators.form import ANYWHERE
from tfedge_converters.accelerators.regions import first_region
from tfedge_converters.graph.blockwise_scales import block_operands
from tfedge_converters.graph.types import Graph, Operator

_BLOCKS = "weights whose blocks have scales of their own: nothing is known of them here"


@dataclass(frozen=True)
class UnsupportedReason:
    """Reason why an operator stays on the CPU.

    Attributes:
        kind: a key of `form.KINDS`.
        status: what the accelerator's own tools call it.
        why: one sentence more; may be empty.
        advice: what to change in the model; may be empty.
        changes: names of `rewrites.REWRITES` to try.
    """

    kind: str
    status: str
    why: str = ""
    advice: str = ""
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Placement:
    """Where one operator is computed.

    Attributes:
        index: the operator's position in the graph.
        reasons: everything that keeps it on the CPU, in the order in which it is found; empty of
            operators that the accelerator computes.
    """

    index: int
    operator: Operator
    facts: OperatorFacts = field(repr=False)
    reasons: tuple[UnsupportedReason, ...] = ()

    @property
    def mapped(self) -> bool:
        """Whether the accelerator computes it."""
        return not self.reasons

    @property
    def macs(self) -> int:
        """Its multiplications in one run."""
        found: int = self.facts["macs"]
        return found


@dataclass(frozen=True, eq=False)
class GraphMapping:
    """Where every operator of a graph is computed, in the graph's order."""

    accelerator: Accelerator
    graph: Graph = field(repr=False)
    placements: tuple[Placement, ...]

    @property
    def mapped(self) -> list[Placement]:
        """Operators that the accelerator computes."""
        return [placement for placement in self.placements if placement.mapped]

    @property
    def on_cpu(self) -> list[Placement]:
        """Operators that the accelerator does not compute."""
        return [placement for placement in self.placements if not placement.mapped]

    @property
    def mapped_macs(self) -> int:
        """The multiplications that the accelerator does in one run."""
        return sum(placement.macs for placement in self.mapped)


def map_graph(graph: Graph, accelerator: Accelerator) -> GraphMapping:
    """Say for every operator whether an accelerator computes it."""
    wiring = Wiring(graph)
    facts = [OperatorFacts(operator, wiring) for operator in graph.operators]
    found = [tuple(_reasons(each, accelerator)) for each in facts]
    if accelerator.regions != ANYWHERE:
        _add_regions(graph, accelerator, found)
    placements = (
        Placement(index, operator, each, reasons)
        for index, (operator, each, reasons) in enumerate(
            zip(graph.operators, facts, found, strict=True)
        )
    )
    return GraphMapping(accelerator, graph, tuple(placements))


def _add_regions(
    graph: Graph, accelerator: Accelerator, found: list[tuple[UnsupportedReason, ...]]
) -> None:
    pairs = list(zip(graph.operators, found, strict=True))
    region = first_region(graph, {id(operator) for operator, reasons in pairs if not reasons})
    behind = UnsupportedReason("region", accelerator.word("region"))
    for index, (operator, reasons) in enumerate(pairs):
        if not reasons and id(operator) not in region:
            found[index] = (behind,)


def _reasons(facts: OperatorFacts, accelerator: Accelerator) -> Iterator[UnsupportedReason]:
    """Find the reasons against an operator by itself."""

    def reason(kind: str, why: str, advice: str, changes: tuple[str, ...]) -> UnsupportedReason:
        return UnsupportedReason(kind, accelerator.word(kind), why, advice, changes)

    if block_operands(facts.operator):
        yield reason("type", _BLOCKS, "Give every channel one scale.", ())
    yield from _broken(facts, accelerator.every_operator, reason)
    rules = accelerator.operators.get(facts.operator.code)
    if rules is None:
        refusal = accelerator.refused.get(facts.operator.code, accelerator.unlisted)
        yield reason("operator", refusal.why, refusal.advice, refusal.changes)
        return
    if rules.versions is not None:
        low, high = rules.versions
        if not low <= facts.operator.version <= high:
            known = f"version {facts.operator.version}; known are {low} to {high}"
            yield reason("version", known, "", ("lowest_version",))
    yield from _broken(facts, rules.conditions, reason)


def _broken(
    facts: OperatorFacts,
    conditions: tuple[Condition, ...],
    reason: Callable[[str, str, str, tuple[str, ...]], UnsupportedReason],
) -> Iterator[UnsupportedReason]:
    for condition in conditions:
        if not _fulfilled(condition, facts):
            yield reason(condition.kind, condition.why, condition.advice, condition.changes)


def _fulfilled(condition: Condition, facts: OperatorFacts) -> bool:
    try:
        matters = condition.when is None or condition.when.value(facts)
        return not matters or bool(condition.require.value(facts))
    except ValueError:
        # An operator about which the question makes no sense, as a malformed one, does not pass.
        return False
