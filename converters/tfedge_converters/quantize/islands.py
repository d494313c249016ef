"""Operators that stay in float32 between DEQUANTIZE and QUANTIZE, as no integer kernel has them.

TFLite Micro and LiteRT run such islands as they stand; generated C makes a table of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tfedge.quantization.policy import OPERATORS
from tfedge_converters.graph import Graph, Operator, Tensor, TensorType
from tfedge_converters.graph.passes.byte_functions import ELEMENT_WISE
from tfedge_converters.quantize.ends import dequantize_operator, quantize_operator, real_twin
from tfedge_converters.quantize.formats import Format
from tfedge_converters.quantize.precision import is_real_activation


@dataclass(eq=False)
class Island:
    """Element-wise functions of one activation.

    Attributes:
        source: the activation, which will be an integer.
        operators: in the order of the graph.
    """

    source: Tensor
    operators: list[Operator]


# Tensor to the place of the operator that makes it, and the operator.
Makers = dict[int, tuple[int, Operator]]

_UNMADE: tuple[int, None] = (-1, None)


def find_islands(graph: Graph) -> list[Island]:
    """The islands of a real graph.

    One begins with an operator that int8 kernels do not compute, or not at all scales, and with
    what lies between it and the one activation that it is a function of. What computes further
    with its results, its source and single constants joins it: integers in between would only lose
    precision.
    """
    home: dict[int, Island] = {}
    makers = {
        id(tensor): (place, operator)
        for place, operator in enumerate(graph.operators)
        for tensor in operator.outputs
    }
    for operator in graph.operators:
        if not _is_element_wise(operator):
            continue
        island = _joined(operator, home)
        if island is not None:
            island.operators.append(operator)
        elif operator.code in OPERATORS and OPERATORS[operator.code].real:
            island = _begun(operator, makers, home)
        if island is not None:
            home.update((id(item.outputs[0]), island) for item in island.operators)
    return list({id(island): island for island in home.values()}.values())


def _is_element_wise(operator: Operator) -> bool:
    activations = _activations(operator)
    return (
        len(operator.inputs) == ELEMENT_WISE.get(operator.code)
        and len(operator.outputs) == 1
        and bool(activations)
        and all(map(is_real_activation, [*activations, *operator.outputs]))
        and all(tensor.shape == operator.outputs[0].shape for tensor in activations)
    )


def _activations(operator: Operator) -> list[Tensor]:
    """Operands that are no single constants."""
    return [tensor for tensor in operator.inputs if tensor is not None and not _is_single(tensor)]


def _joined(operator: Operator, home: dict[int, Island]) -> Island | None:
    """The island that computes an operator's operands."""
    activations = _activations(operator)
    island = next((home[id(t)] for t in activations if id(t) in home), None)
    if island is not None and all(
        t is island.source or home.get(id(t)) is island for t in activations
    ):
        return island
    return None


def _begun(operator: Operator, makers: Makers, home: dict[int, Island]) -> Island | None:
    """A new island around an operator; None if it is no function of one activation."""
    operators: list[Operator] = []
    open_ends = {id(operator.outputs[0]): operator.outputs[0]}
    while len(open_ends) > 1 or not operators:
        # What was made last cannot be an operand of another end.
        last = max(open_ends, key=lambda end: makers.get(end, _UNMADE)[0])
        tensor, maker = open_ends[last], makers.get(last, _UNMADE)[1]
        if maker is None or id(tensor) in home or not _is_element_wise(maker):
            return None
        operators.insert(0, maker)
        del open_ends[id(tensor)]
        open_ends.update((id(operand), operand) for operand in _activations(maker))
    return Island(next(iter(open_ends.values())), operators)


def _is_single(tensor: Tensor | None) -> bool:
    return (
        tensor is not None
        and tensor.type == TensorType.FLOAT32
        and tensor.data is not None
        and tensor.data.size == 1
    )


def keep_real(graph: Graph, island: Island, form_of: Callable[[Tensor], Format]) -> None:
    """Puts DEQUANTIZE and QUANTIZE around an island of a graph that is quantised already."""
    inside = {id(operator) for operator in island.operators}
    wanted = {id(tensor) for tensor in graph.outputs}
    for operator in graph.operators:
        if id(operator) not in inside:
            wanted.update(id(tensor) for tensor in operator.inputs)
    real = {id(island.source): _named(island.source)}
    operators: list[Operator] = []
    for operator in graph.operators:
        if operator is island.operators[0]:
            source, form = island.source, form_of(island.source)
            operators.append(dequantize_operator(source, real[id(source)], form))
        operators.append(operator)
        if id(operator) in inside:
            result = operator.outputs[0]
            real[id(result)] = _named(result)
            operator.inputs = [real.get(id(tensor), tensor) for tensor in operator.inputs]
            operator.outputs = [real[id(result)]]
            if id(result) in wanted:
                operators.append(quantize_operator(real[id(result)], result, form_of(result)))
    graph.operators = operators


def _named(tensor: Tensor) -> Tensor:
    real = real_twin(tensor)
    real.name = f"{tensor.name}_real"
    return real
