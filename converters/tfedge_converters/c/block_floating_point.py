"""Graphs of real activations as graphs of block floating point, for cores without an FPU."""

from __future__ import annotations

import dataclasses

from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import UnsupportedError
from tfedge_converters.c.registry import BFP8, operators_on
from tfedge_converters.graph.metadata import computes_in_bfp8
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor, TensorType


def in_block_floating_point(model: Model, graph: Graph) -> Graph:
    """A graph with int8 of a common exponent in place of its real activations, if the model asks.

    Inputs and outputs stay real: a QUANTIZE and a DEQUANTIZE, which compute with their bits as
    integers, stand between. The given graph is not changed.

    Args:
        model: its metadata says in which arithmetic it is computed.
        graph: its only graph.

    Raises:
        UnsupportedError: an operator has no kernel for that, or an activation is not real.
    """
    if not computes_in_bfp8(model):
        return graph
    for operator in graph.operators:
        _refuse_unknown(graph, operator)
    made = [*graph.inputs, *(t for operator in graph.operators for t in operator.outputs)]
    twins = {id(tensor): _twin(tensor) for tensor in made}
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


def _twin(tensor: Tensor) -> Tensor:
    return dataclasses.replace(
        tensor,
        name=f"{tensor.name}_bfp8",
        type=TensorType.INT8,
        quantization=None,
        has_exponent=True,
    )
