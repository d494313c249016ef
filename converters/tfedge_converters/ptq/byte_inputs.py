"""Inputs of unsigned bytes, such as images, that the model makes real numbers of."""

from __future__ import annotations

import dataclasses

from tfedge.quantization.policy import REAL_FUNCTION
from tfedge_converters.graph import Graph, Operator, Quantization, Tensor, TensorType
from tfedge_converters.ptq.casts import quantize_operator
from tfedge_converters.ptq.real_functions import makes_integers_real

# Bytes as they are, and the integers that are 128 less.
_UNSIGNED, _SIGNED = Quantization.per_tensor(1.0, 0), Quantization.per_tensor(1.0, -128)


def with_signed_inputs(graph: Graph) -> Graph:
    """The same graph with QUANTIZE in the place of every CAST of an input of bytes.

    TFLite Micro has no such CAST. To int8 it is an exact shift by 128, so that functions of bytes
    become functions of int8 activations, as there are elsewhere.

    Args:
        graph: with integer activations, and functions that are not written out yet. Its inputs of
            bytes get the grid that their values are on; else it is not changed.
    """
    operators = graph.operators
    for source in {id(tensor): tensor for tensor in graph.inputs}.values():
        functions = [item for item in operators if _is_function_of(source, item)]
        if source.type != TensorType.UINT8 or not functions:
            continue
        if all(makes_integers_real(step) for item in functions for step in _readers(source, item)):
            operators = _shifted(source, functions, operators)
    return dataclasses.replace(graph, operators=operators)


def _is_function_of(source: Tensor, operator: Operator) -> bool:
    return operator.code == REAL_FUNCTION and operator.inputs[0] is source


def _readers(source: Tensor, function: Operator) -> list[Operator]:
    return [step for step in function.steps if any(tensor is source for tensor in step.inputs)]


def _shifted(
    source: Tensor, functions: list[Operator], operators: list[Operator]
) -> list[Operator]:
    """The operators with functions of `source` less 128."""
    source.quantization = _UNSIGNED
    signed = dataclasses.replace(
        source, name=f"{source.name}_int8", type=TensorType.INT8, quantization=_SIGNED
    )
    changed = {id(item): _of_signed(source, signed, item) for item in functions}
    operators = [changed.get(id(item), item) for item in operators]
    if any(item.inputs[0] is signed for item in changed.values()):
        return [quantize_operator(source, signed), *operators]
    return operators


def _of_signed(source: Tensor, signed: Tensor, function: Operator) -> Operator:
    """A function without its CAST; what is on the grid of the bytes themselves needs none."""
    casts = _readers(source, function)
    made = {id(cast.outputs[0]) for cast in casts}
    steps = tuple(
        dataclasses.replace(
            step, inputs=[signed if id(tensor) in made else tensor for tensor in step.inputs]
        )
        for step in function.steps
        if not any(step is cast for cast in casts)
    )
    (result,) = function.outputs
    if not steps and result.type is TensorType.INT8 and _SIGNED.same_as(result.quantization):
        return quantize_operator(source, result)
    return dataclasses.replace(function, inputs=[signed], steps=steps)
