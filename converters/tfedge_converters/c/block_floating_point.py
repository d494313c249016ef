"""Graphs of real activations as graphs of block floating point, for cores without an FPU."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import UnsupportedError
from tfedge_converters.arithmetic.activation import CLAMP_LIMITS, REAL_LIMITS
from tfedge_converters.c.registry import BFP8, operators_on
from tfedge_converters.graph.types import Graph, Operator, Tensor, TensorType

# The lowest results of functions.
_LOWEST = {
    "LOGISTIC": 0.0,
    "SOFTMAX": 0.0,
    **{code: low for code, (low, _) in CLAMP_LIMITS.items()},
}

# Their results have signs, whatever their operands have.
_WITH_WEIGHTS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})


def in_block_floating_point(graph: Graph) -> Graph:
    """A graph with 8 bits of a common exponent in place of its real activations.

    Inputs and outputs stay real: a QUANTIZE and a DEQUANTIZE, which compute with their bits as
    integers, stand between. The given graph is not changed.

    Args:
        graph: a model's only one, whose metadata ask for this arithmetic.

    Raises:
        UnsupportedError: an operator has no kernel for that, or an activation is not real.
    """
    for operator in graph.operators:
        _refuse_unknown(graph, operator)
    twins = {id(tensor): _twin(tensor, is_unsigned=False) for tensor in graph.inputs}
    for operator in graph.operators:
        is_unsigned = _is_unsigned(operator, twins)
        twins.update((id(t), _twin(t, is_unsigned)) for t in operator.outputs)
    entries = [
        Operator("QUANTIZE", [tensor], [twins[id(tensor)]], schema.QuantizeOptionsT())
        for tensor in graph.inputs
    ]
    inner = [
        dataclasses.replace(
            operator,
            inputs=[None if t is None else twins.get(id(t), t) for t in operator.inputs],
            outputs=[twins[id(tensor)] for tensor in operator.outputs],
        )
        for operator in graph.operators
    ]
    exits = [
        Operator("DEQUANTIZE", [twins[id(tensor)]], [tensor], schema.DequantizeOptionsT())
        for tensor in {id(tensor): tensor for tensor in graph.outputs}.values()
        if not any(tensor is other for other in graph.inputs)
    ]
    return dataclasses.replace(graph, operators=[*entries, *inner, *exits])


def _refuse_unknown(graph: Graph, operator: Operator) -> None:
    known = operators_on(BFP8)
    if operator.code not in known:
        raise UnsupportedError(
            f"{graph.place(operator)} has no kernel that computes with integers whose exponent is "
            f"found at run time; {', '.join(known)} have. Use dynamic, which computes with real "
            "numbers, or int8"
        )
    for tensor in (*operator.inputs, *operator.outputs):
        if tensor is not None and not tensor.is_constant and not _is_real(tensor):
            raise UnsupportedError(
                f"{graph.place(operator)}: '{tensor.name}' is {tensor.type.name}"
                f"{' and a state' * tensor.is_variable}; with exponents that are found at run time "
                "all activations are real numbers, and none stays from one inference to the next"
            )


def _is_real(tensor: Tensor) -> bool:
    return tensor.type == TensorType.FLOAT32 and not tensor.is_variable


def _is_unsigned(operator: Operator, twins: Mapping[int, Tensor]) -> bool:
    """Whether an operator gives no negative values: by its function, or for its operands do not."""
    low = _LOWEST.get(operator.code)
    activation = getattr(operator.options, "fusedActivationFunction", None)
    if low is None and activation in REAL_LIMITS:
        low = REAL_LIMITS[activation][0]
    operands = [twins[id(t)] for t in operator.inputs if t is not None and id(t) in twins]
    keeps_signs = operator.code not in _WITH_WEIGHTS and all(t.is_unsigned for t in operands)
    return (low is not None and low >= 0) or keeps_signs


def _twin(tensor: Tensor, is_unsigned: bool) -> Tensor:
    return dataclasses.replace(
        tensor,
        name=f"{tensor.name}_bfp8",
        type=TensorType.INT8,
        quantization=None,
        has_exponent=True,
        is_unsigned=is_unsigned,
    )
