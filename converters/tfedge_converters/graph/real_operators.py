"""Which operators compute with real numbers, where others compute with integers."""

from __future__ import annotations

from collections.abc import Sequence

from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.passes.byte_functions import as_tables
from tfedge_converters.graph.types import Graph, Operator, Tensor, TensorType

# So many operators are named in a message.
_NAMED = 4


def is_real_activation(tensor: Tensor | None) -> bool:
    """Whether a tensor holds float32 numbers that are computed at run time."""
    return (
        tensor is not None
        and tensor.type == TensorType.FLOAT32
        and not tensor.is_constant
        and not tensor.is_variable
    )


def real_operators_of(graph: Graph) -> list[Operator]:
    """The operators that compute with real numbers in a graph that others compute in integers.

    Functions of one byte and what converts inputs and outputs are not among them.

    Returns:
        None of them where no operator computes with integers on a grid: the graph is real then.
    """
    inside = [item for item in as_tables(graph).operators if not traits_of(item.code).requantizes]
    if not any(_is_quantized_activation(t) for item in inside for t in operands_and_results(item)):
        return []
    return [item for item in inside if any(map(is_real_activation, operands_and_results(item)))]


# What functions of libraries may differ by, and whatever follows makes of that, in parts of the
# largest element of an output: single precision itself has 24 bits. Dynamic quantisation rounds to
# 8 bits, so that a value close to halfway between two integers may become the other one.
_LIBRARY_ROUNDING, _DYNAMIC_ROUNDING = 2.0**-16, 2.0**-6


def library_rounding(graph: Graph) -> float:
    """How far float32 outputs may be from those that another C library gives.

    Returns:
        In parts of the largest magnitude of an output; 0 where sums, products, quotients and roots
        alone are computed with real numbers, which have the same bits everywhere.
    """
    reached = _of_library_functions(graph)
    if any(map(_rounds_at_run_time, reached)):
        return _DYNAMIC_ROUNDING
    return _LIBRARY_ROUNDING if reached else 0.0


def integers_of_library_functions(graph: Graph) -> Operator | None:
    """The first QUANTIZE of what depends on how a C library rounds; None if there is none.

    Integers make visible on which side of a step a result lies, and all that follows may differ.
    """
    found = (item for item in _of_library_functions(graph) if item.code == "QUANTIZE")
    return next(found, None)


def _of_library_functions(graph: Graph) -> list[Operator]:
    """The operators whose real results depend on how a C library rounds, and those of integers."""
    reached: list[Operator] = []
    rounded: set[int] = set()
    for operator in as_tables(graph).operators:
        makes_reals = any(map(is_real_activation, operator.outputs))
        begins = traits_of(operator.code).transcendental and makes_reals
        if begins or any(id(tensor) in rounded for tensor in operator.inputs):
            reached.append(operator)
            rounded.update(id(tensor) for tensor in operator.outputs if is_real_activation(tensor))
    return reached


def _rounds_at_run_time(operator: Operator) -> bool:
    """Whether it multiplies real activations with integers, which it rounds for that."""
    return any(map(is_real_activation, operator.inputs)) and any(
        tensor is not None and tensor.is_constant and is_quantized(tensor)
        for tensor in operator.inputs
    )


def real_operators_in_words(graph: Graph, operators: Sequence[Operator]) -> str:
    """Which operators compute with real numbers, and behind which activation they begin."""
    places = ", ".join(
        f"{operator.name} (operator {graph.position(operator)})" for operator in operators[:_NAMED]
    )
    others = f" and {len(operators) - _NAMED} more" if len(operators) > _NAMED else ""
    border = _last_integers(graph, operators[0])
    behind = "" if border is None else f", from the integers of '{border.name}' on"
    return f"{places}{others} compute{'s' * (len(operators) == 1)} with real numbers{behind}"


def _last_integers(graph: Graph, operator: Operator) -> Tensor | None:
    """The integers that an operator's operand is made from, if a DEQUANTIZE makes it."""
    read = {id(tensor) for tensor in operator.inputs}
    for other in graph.operators:
        if traits_of(other.code).requantizes and any(
            id(tensor) in read for tensor in other.outputs
        ):
            return other.inputs[0]
    return None


def operands_and_results(operator: Operator) -> list[Tensor]:
    """The tensors that an operator reads and makes; operands that are left out are not there."""
    return [tensor for tensor in (*operator.inputs, *operator.outputs) if tensor is not None]


def _is_quantized_activation(tensor: Tensor) -> bool:
    return not tensor.is_constant and is_quantized(tensor)


def is_quantized(tensor: Tensor) -> bool:
    """Whether a tensor holds integers on a grid."""
    is_on_grid = tensor.quantization is not None or tensor.blocks is not None
    return is_on_grid and tensor.type != TensorType.FLOAT32
