"""Functions of one 8-bit value that a graph computes in wider types, as single operators.

TensorFlow's quantiser leaves operators without an integer kernel in float32, between DEQUANTIZE and
QUANTIZE. TFLite Micro runs such float fallbacks as they stand; generated C needs no more than the
table of their 256 results.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tfedge_converters.graph.operator_checks import options_of
from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.passes.dead_operators import remove_dead_operators
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor, TensorType

# The operator that stands for a float fallback. No file has it: its `steps` say what it computes.
BYTE_FUNCTION = "BYTE_FUNCTION"

_BYTES = frozenset({TensorType.INT8, TensorType.UINT8})
_ENTRIES = frozenset({"CAST", "DEQUANTIZE"})


def as_tables(graph: Graph) -> Graph:
    """The same graph with one BYTE_FUNCTION in place of every function of one 8-bit value.

    Such a function leaves bytes with DEQUANTIZE or CAST, computes every element by itself, possibly
    with constants of one element, and comes back with QUANTIZE, or by GATHER from 256 constants.
    The given graph is not changed.

    Raises:
        ModelFileError: an operator in between has another operator's options.
    """
    fallbacks = _FloatFallbacks(graph)
    operators = [fallbacks.table(operator) or operator for operator in graph.operators]
    if all(new is old for new, old in zip(operators, graph.operators, strict=True)):
        return graph
    tabled = dataclasses.replace(graph, operators=operators)
    remove_dead_operators(Model([tabled]))
    return tabled


class _FloatFallbacks:
    """For every tensor that is a function of one 8-bit tensor, which one and by which operator."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.sources: dict[int, Tensor] = {}
        self.makers: dict[int, Operator] = {}
        for operator in graph.operators:
            source = self._source(operator)
            if source is not None:
                self.sources[id(operator.outputs[0])] = source
                self.makers[id(operator.outputs[0])] = operator

    def _source(self, operator: Operator) -> Tensor | None:
        """Find the single 8-bit tensor that an operator's one result is a function of, or None."""
        if len(operator.outputs) != 1 or operator.outputs[0].type in _BYTES:
            return None
        match operator.inputs:
            case [Tensor(type=type_, data=None) as entry] if type_ in _BYTES:
                found = entry if operator.code in _ENTRIES and not entry.is_variable else None
            case operands if operands and len(operands) == traits_of(operator.code).element_wise:
                found = self._common_source(operands)
            case _:
                return None
        return found if found is not None and found.shape == operator.outputs[0].shape else None

    def _common_source(self, operands: list[Tensor | None]) -> Tensor | None:
        found: dict[int, Tensor] = {}
        for tensor in operands:
            if tensor is not None and tensor.data is not None and tensor.data.size == 1:
                continue
            source = self.sources.get(id(tensor))
            if source is None:
                return None
            found[id(source)] = source
        return next(iter(found.values())) if len(found) == 1 else None

    def table(self, operator: Operator) -> Operator | None:
        """Return the table for an operator that ends a float fallback; None for any other."""
        result = _return_operand(operator)
        source = self.sources.get(id(result))
        if source is None or source.shape != operator.outputs[0].shape:
            return None
        wanted, steps = {id(result)}, [operator]
        for tensor, maker in reversed(self.makers.items()):
            if tensor in wanted:
                steps.append(dataclasses.replace(maker, options=options_of(self.graph, maker)))
                wanted.update(id(operand) for operand in maker.inputs)
        return Operator(BYTE_FUNCTION, [source], operator.outputs, steps=tuple(reversed(steps)))


def _return_operand(operator: Operator) -> Tensor | None:
    """The operand that an operator makes bytes of, if it is one that can end a float fallback."""
    if len(operator.outputs) != 1 or operator.outputs[0].type not in _BYTES:
        return None
    match operator.code, operator.inputs:
        case "QUANTIZE", [Tensor(type=TensorType.FLOAT32) as real]:
            return real
        case "GATHER", [Tensor(shape=(256,), data=np.ndarray()), Tensor() as positions] if (
            getattr(operator.options, "batchDims", 0) == 0
        ):
            return positions
    return None
