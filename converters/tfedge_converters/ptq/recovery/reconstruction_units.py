"""Division of a float graph into the units whose weights are rounded together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfedge_converters.graph import Graph, Operator, Tensor
from tfedge_converters.ptq.recovery.gradients import has_rule
from tfedge_converters.ptq.recovery.linear_layers import LinearLayer, linear_layers


@dataclass(frozen=True, eq=False)
class ReconstructionUnit:
    """Operators between activations that all data flow passes.

    Attributes:
        operators: in the graph's order.
        layers: those whose weights may be changed, in this order.
        fixed: other linear layers, such as those that training put on a grid.
        sources: the activations that enter; one, but where a model begins with several.
        result: the activation that leaves.
    """

    operators: list[Operator]
    layers: list[LinearLayer]
    fixed: list[LinearLayer]
    sources: list[Tensor]
    result: Tensor

    @property
    def is_single(self) -> bool:
        """Whether it is nothing but a layer."""
        return len(self.operators) == 1


def single_layers(layers: Sequence[LinearLayer]) -> list[ReconstructionUnit]:
    """Every layer as a unit."""
    return [
        ReconstructionUnit([layer.operator], [layer], [], [layer.source], layer.result)
        for layer in layers
    ]


def reconstruction_units(graph: Graph, layers: Sequence[LinearLayer]) -> list[ReconstructionUnit]:
    """The units that have layers, in the graph's order.

    The body of a residual addition is one unit, and in a chain every layer is one: Li et al.,
    "BRECQ: Pushing the Limit of Post-Training Quantization by Block Reconstruction", ICLR 2021,
    section 3.2. Where a unit has an operator without a derivative (`gradients.RULES`), or results
    besides the one that leaves it, each of its layers is a unit.

    Args:
        graph: a float graph.
        layers: those whose weights may be changed, in the graph's order.
    """
    found = []
    for operators in _stretches(graph):
        inside = {id(operator) for operator in operators}
        own = [layer for layer in layers if id(layer.operator) in inside]
        block = _joint(graph, operators, own) if own and len(operators) > 1 else None
        found += [block] if block is not None else single_layers(own)
    return found


def _stretches(graph: Graph) -> Iterator[list[Operator]]:
    """The operators between each two places where later ones read but one activation."""
    last = {
        id(tensor): place
        for place, operator in enumerate(graph.operators)
        for tensor in operator.inputs
        if tensor is not None
    }
    alive = {id(tensor) for tensor in graph.inputs}
    stretch: list[Operator] = []
    for place, operator in enumerate(graph.operators):
        stretch.append(operator)
        alive |= {id(tensor) for tensor in operator.outputs}
        alive = {key for key in alive if last.get(key, -1) > place}
        if len(alive) <= 1:
            yield stretch
            stretch = []


def _joint(
    graph: Graph, operators: list[Operator], layers: list[LinearLayer]
) -> ReconstructionUnit | None:
    """Operators as one unit; None if they cannot be one."""
    inside = {id(operator) for operator in operators}
    linear = [layer for layer in linear_layers(graph) if id(layer.operator) in inside]
    known = {id(layer.operator) for layer in linear}
    if not all(id(operator) in known or has_rule(graph, operator) for operator in operators):
        return None
    free = {id(layer.operator) for layer in layers}
    made = {id(tensor) for operator in operators for tensor in operator.outputs}
    read = _activations(operators)
    outside = _activations([o for o in graph.operators if id(o) not in inside])
    result = operators[-1].outputs[0]
    leaving = made & (outside.keys() | set(map(id, graph.outputs)))
    if leaving != {id(result)} or made - read.keys() - leaving:
        return None
    return ReconstructionUnit(
        operators,
        layers,
        fixed=[layer for layer in linear if id(layer.operator) not in free],
        sources=[tensor for key, tensor in read.items() if key not in made],
        result=result,
    )


def _activations(operators: Sequence[Operator]) -> dict[int, Tensor]:
    """Return the tensors that operators read, but for constants, by id."""
    return {
        id(tensor): tensor
        for operator in operators
        for tensor in operator.inputs
        if tensor is not None and not tensor.is_constant
    }
