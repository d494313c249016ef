"""Sequences for integer operators that LiteRT computes in float alone between these."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from tfedge_converters.graph import Model, Operator, Tensor
from tfedge_converters.ptq.casts import (
    as_float,
    dequantize_operator,
    quantize_operator,
)

_REAL_ONLY = frozenset({"CUMSUM"})


def write_for_litert(model: Model) -> bool:
    """Put what only other interpreters compute with integers between DEQUANTIZE and QUANTIZE.

    The result is the real one, rounded once to its grid.

    Returns:
        Whether there was such an operator; the model is changed in place.
    """
    changed = False
    for graph in model.graphs:
        written: list[Operator] = []
        for operator in graph.operators:
            source = operator.inputs[0] if operator.code in _REAL_ONLY else None
            if source is not None and source.quantization is not None:
                written += _in_real_numbers(operator, source)
                changed = True
            else:
                written.append(operator)
        graph.operators = written
    return changed


def _in_real_numbers(operator: Operator, source: Tensor) -> Iterator[Operator]:
    (result,) = operator.outputs
    real_source, real_result = _named(source), _named(result)
    yield dequantize_operator(source, real_source)
    inputs = [real_source, *operator.inputs[1:]]
    yield dataclasses.replace(operator, inputs=inputs, outputs=[real_result])
    yield quantize_operator(real_result, result)


def _named(tensor: Tensor) -> Tensor:
    return dataclasses.replace(as_float(tensor), name=f"{tensor.name}_real")
