"""Taking operators out of a graph."""

from __future__ import annotations

from collections.abc import Collection

from tfedge_converters.graph.types import Graph, Model, Operator, Tensor


def bypass(model: Model, graph: Graph, operators: Collection[Operator]) -> None:
    """Remove operators; whoever reads their first output reads their first input instead.

    Graph outputs and signatures follow. Operators may feed one another.

    Args:
        model: the model that `graph` belongs to, for its signatures.
        graph: changed in place.
        operators: operators of `graph` with at least one input and one output.
    """
    source = {id(operator.outputs[0]): operator.inputs[0] for operator in operators}
    gone = {id(operator) for operator in operators}

    def origin(tensor: Tensor) -> Tensor:
        while (before := source.get(id(tensor))) is not None:
            tensor = before
        return tensor

    graph.operators = [operator for operator in graph.operators if id(operator) not in gone]
    for operator in graph.operators:
        operator.inputs = [None if tensor is None else origin(tensor) for tensor in operator.inputs]
    graph.outputs = [origin(tensor) for tensor in graph.outputs]
    for signature in model.signatures:
        if signature.graph is graph:
            signature.outputs = {name: origin(end) for name, end in signature.outputs.items()}
