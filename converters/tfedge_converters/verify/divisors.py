"""Random samples on which no divisor is 0: what a quotient is then, no kernel promises."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfedge.errors import TfedgeError
from tfedge_converters.graph import Graph, Model, Tensor, write_model
from tfedge_converters.graph.passes.dead_operators import remove_dead_operators
from tfedge_converters.verify.engines import Sample, run_litert_reference

_DIVISIONS = frozenset({"DIV", "FLOOR_DIV", "FLOOR_MOD"})


def with_divisors(model: Model, samples: Sequence[Sample]) -> Sequence[Sample]:
    """The samples on which every divisor that the model computes differs from 0.

    Returns:
        All of them where none does, or where the divisors cannot be computed alone.
    """
    divisors = _computed_divisors(model.main)
    if not divisors or len(model.graphs) != 1:
        return samples
    graph = model.main
    exposed = Model([Graph(graph.inputs, divisors, graph.operators, graph.name)])
    # LiteRT refuses to divide by 0.
    remove_dead_operators(exposed)
    try:
        values = run_litert_reference(write_model(exposed), samples)
    except TfedgeError:
        return samples
    kept = [
        sample
        for sample, found in zip(samples, values, strict=True)
        if not any(map(_has_zero, divisors, found))
    ]
    return kept or samples


def _computed_divisors(graph: Graph) -> list[Tensor]:
    inputs = {id(tensor) for tensor in graph.inputs}
    divisors = [
        operator.inputs[1]
        for operator in graph.operators
        if operator.code in _DIVISIONS and len(operator.inputs) == 2
    ]
    return [t for t in divisors if t is not None and t.data is None and id(t) not in inputs]


def _has_zero(divisor: Tensor, value: np.ndarray) -> bool:
    grid = divisor.quantization
    return bool((value == (0 if grid is None else int(grid.zero_point[0]))).any())
