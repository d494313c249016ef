"""uint8 graphs of older tools as int8 graphs, for kernels that know int8 alone."""

from __future__ import annotations

import dataclasses

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import UnsupportedError
from tfedge_converters.graph.operator_traits import operators_with, traits_of
from tfedge_converters.graph.types import Graph, Operator, Quantization, Tensor, TensorType

_OFFSET = 128

_BYTES = frozenset({TensorType.INT8, TensorType.UINT8})


def signed(graph: Graph) -> Graph:
    """The same network with int8 in place of every quantised uint8 tensor, integers less 128.

    Inputs and outputs stay what they are: a QUANTIZE, a table of 256 bytes, stands between them
    and operators that want int8. The given graph is not changed. Weights keep their zero points,
    which need not be 0 then.

    Raises:
        UnsupportedError: an operator's uint8 arithmetic is not int8 arithmetic, shifted.
    """
    shifted = _Shift(graph)
    return graph if not shifted.twins else shifted.graph()


class _Shift:
    def __init__(self, graph: Graph):
        self.original = graph
        self.twins: dict[int, Tensor] = {}
        for operator in graph.operators:
            operands = [t for t in (*operator.inputs, *operator.outputs) if t is not None]
            unsigned = [tensor for tensor in operands if _is_shifted(tensor)]
            if not unsigned or _between_bytes(operator, operands):
                continue
            if not traits_of(operator.code).uint8_as_int8:
                known = operators_with(lambda traits: traits.uint8_as_int8)
                raise UnsupportedError(
                    f"{graph.place(operator)}: its uint8 arithmetic is not supported, only that "
                    f"of {', '.join(known)}. Convert the float model again"
                )
            self.twins.update((id(tensor), _twin(tensor)) for tensor in unsigned)

    def graph(self) -> Graph:
        graph = self.original
        entries = [_convert(t, self.twins[id(t)]) for t in graph.inputs if id(t) in self.twins]
        exits = [
            _convert(self.twins[id(t)], t)
            for t in {id(t): t for t in graph.outputs}.values()
            if id(t) in self.twins and not t.is_constant and not any(t is i for i in graph.inputs)
        ]
        operators = [self._operator(operator) for operator in graph.operators]
        return dataclasses.replace(graph, operators=[*entries, *operators, *exits])

    def _operator(self, operator: Operator) -> Operator:
        return dataclasses.replace(
            operator,
            inputs=[None if t is None else self.twins.get(id(t), t) for t in operator.inputs],
            outputs=[self.twins.get(id(t), t) for t in operator.outputs],
            uint8_semantics=any(id(t) in self.twins for t in (*operator.inputs, *operator.outputs)),
        )


def _between_bytes(operator: Operator, operands: list[Tensor]) -> bool:
    """Whether it is a QUANTIZE that takes and makes either type as it is."""
    return operator.code == "QUANTIZE" and all(tensor.type in _BYTES for tensor in operands)


def _is_shifted(tensor: Tensor) -> bool:
    return tensor.type == TensorType.UINT8 and tensor.quantization is not None


def _twin(tensor: Tensor) -> Tensor:
    grid = tensor.quantization
    assert grid is not None
    return dataclasses.replace(
        tensor,
        type=TensorType.INT8,
        quantization=Quantization(grid.scale, grid.zero_point - _OFFSET, grid.axis),
        data=None if tensor.data is None else (tensor.data ^ _OFFSET).view(np.int8),
    )


def _convert(source: Tensor, output: Tensor) -> Operator:
    return Operator("QUANTIZE", [source], [output], schema.QuantizeOptionsT())
