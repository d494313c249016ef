"""Removal of Keras' distinction of negative zeros from others in front of argmax and argmin.

It replaces -0.0 by the negative number nearest to 0, found by the bits of signs, for which TFLite
has no operators. Integers have one zero, and TFLite's ARG_MAX and ARG_MIN take both for equal.
"""

from __future__ import annotations

import numpy as np

from tfedge_converters.graph import Graph, Model, Operator, Tensor
from tfedge_converters.graph.operator_traits import traits_of

_TINY = float(np.finfo(np.float32).tiny)

# Tensor to the operator that makes it.
_Makers = dict[int, Operator]


def ignore_negative_zeros(model: Model) -> bool:
    """Let what reads such a replacement read the numbers themselves, in place.

    Returns:
        Whether there was one.
    """
    changed = [_ignore(graph) for graph in model.graphs]
    return any(changed)


def _ignore(graph: Graph) -> bool:
    makers = {id(tensor): item for item in graph.operators for tensor in item.outputs}
    originals: dict[int, Tensor] = {}
    tests: list[Operator] = []
    for operator in graph.operators:
        found = _signs_tested(operator, makers)
        if found is not None:
            original, of_sign = found
            originals[id(operator.outputs[0])] = original
            tests += [operator, *of_sign]
    for operator in graph.operators:
        operator.inputs = [originals.get(id(tensor), tensor) for tensor in operator.inputs]
    graph.outputs = [originals.get(id(tensor), tensor) for tensor in graph.outputs]
    for operator in tests:
        _remove_unread(graph, operator)
    return bool(originals)


def _signs_tested(select: Operator, makers: _Makers) -> tuple[Tensor, list[Operator]] | None:
    """The numbers that an operator replaces negative zeros of, and what finds these.

    where((bitcast(x) & sign bit) < 0 and x == 0, -tiny, x)
    """
    if not traits_of(select.code).selects:
        return None
    match select.inputs:
        case [Tensor() as condition, Tensor(data=np.ndarray() as tiny), Tensor() as x] if (
            tiny.size == 1 and float(tiny.reshape(())) == -_TINY
        ):
            both = makers.get(id(condition))
        case _:
            return None
    if both is None or both.code != "LOGICAL_AND":
        return None
    tests = {made.code: made for t in both.inputs if (made := makers.get(id(t))) is not None}
    if set(tests) != {"LESS", "EQUAL"} or tests["EQUAL"].inputs[0] is not x:
        return None
    masked = makers.get(id(tests["LESS"].inputs[0]))
    if masked is None or masked.custom_name != "BitwiseAnd":
        return None
    bits = makers.get(id(masked.inputs[0]))
    if bits is None or bits.code != "BITCAST" or bits.inputs[0] is not x:
        return None
    return x, [both, tests["LESS"], tests["EQUAL"], masked, bits]


def _remove_unread(graph: Graph, operator: Operator) -> None:
    read = {id(tensor) for item in graph.operators for tensor in item.inputs}
    read |= {id(tensor) for tensor in graph.outputs}
    if not read & set(map(id, operator.outputs)):
        graph.operators = [item for item in graph.operators if item is not operator]
