"""Restoration of HARD_SWISH where TFLite's converter moved a RESHAPE into it.

The converter moves a RESHAPE behind operators that go by the element. Of x * relu6(x + 3) / 6 the
sum and the quotient then come before the RESHAPE, and where that only adds sizes of 1 in front, the
product reads x itself: one HARD_SWISH is four operators, of which nobody knows the ranges.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph import Graph, Model, Operator, Tensor
from tfedge_converters.graph.making import like, replace, reshape

_SHIFT, _FACTOR = np.float32(3), np.float32(1) / np.float32(6)


def restore_hard_swishes(model: Model) -> None:
    """Replace such products by a HARD_SWISH and the RESHAPE behind it, in place.

    What nobody reads any more stays, for a pass to remove.
    """
    for graph in model.graphs:
        makers = {id(tensor): one for one in graph.operators for tensor in one.outputs}
        reads = Counter(id(tensor) for one in graph.operators for tensor in one.inputs)
        reads.update(id(tensor) for tensor in graph.outputs)
        for operator in list(graph.operators):
            x = _activated(operator, makers, reads)
            if x is not None:
                _restore(graph, operator, x)


def _restore(graph: Graph, product: Operator, x: Tensor) -> None:
    (result,) = product.outputs
    swished = like(result, "hard_swish", x.shape)
    activation = Operator("HARD_SWISH", [x], [swished], schema.HardSwishOptionsT())
    replace(graph, product, [activation, reshape(swished, result)])


def _activated(
    product: Operator, makers: dict[int, Operator], reads: Counter[int]
) -> Tensor | None:
    """The x of which an operator computes x * RESHAPE(relu6(x + 3) / 6); None for any other."""
    if product.code != "MUL" or _clamp(product) != schema.ActivationFunctionType.NONE:
        return None
    for x, gate in (product.inputs, product.inputs[::-1]):
        moved = _only_read(gate, "RESHAPE", makers, reads)
        if x is None or moved is None or not _adds_leading_sizes(x, product.outputs[0]):
            continue
        quotient = _only_read(moved.inputs[0], "MUL", makers, reads)
        if quotient is None or _clamp(quotient) != schema.ActivationFunctionType.NONE:
            continue
        total = _only_read(_beside(quotient, _FACTOR), "ADD", makers, reads)
        if total is None or _clamp(total) != schema.ActivationFunctionType.RELU6:
            continue
        if _beside(total, _SHIFT) is x:
            return x
    return None


def _only_read(
    tensor: Tensor | None, code: str, makers: dict[int, Operator], reads: Counter[int]
) -> Operator | None:
    """The operator of this kind that makes a tensor which is read once."""
    maker = makers.get(id(tensor))
    return maker if maker is not None and maker.code == code and reads[id(tensor)] == 1 else None


def _beside(operator: Operator, constant: np.float32) -> Tensor | None:
    """The operand beside a constant number; None if there is no such constant."""
    for one, other in (operator.inputs, operator.inputs[::-1]):
        data = None if other is None else other.data
        if data is not None and data.size == 1 and np.float32(data.reshape(())) == constant:
            return one
    return None


def _adds_leading_sizes(x: Tensor, result: Tensor) -> bool:
    return result.shape == (1,) * (len(result.shape) - len(x.shape)) + x.shape


def _clamp(operator: Operator) -> int:
    return getattr(operator.options, "fusedActivationFunction", schema.ActivationFunctionType.NONE)
