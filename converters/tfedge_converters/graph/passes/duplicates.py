"""Common subexpressions, computed once."""

from __future__ import annotations

from collections.abc import Hashable

import flatbuffers

from tfedge_converters.graph.passes.purity import is_pure
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor


def merge_duplicates(model: Model) -> bool:
    """Let readers of an operator's results read those of an equal, earlier operator, in place.

    Operators are equal if code, version, options, operands (constants by value) and the types and
    grids of their results are. One whose result is an output of the graph stays, and so does one
    whose result has a range from training but no grid yet: what its readers share a grid with may
    still tell it from another of the same range.

    Returns:
        Whether an operator was removed.
    """
    changed = [_merge(graph) for graph in model.graphs]
    return any(changed)


def _merge(graph: Graph) -> bool:
    outputs = {id(tensor) for tensor in graph.outputs}
    first: dict[Hashable, Operator] = {}
    stands_for: dict[int, Tensor] = {}
    kept = []
    for operator in graph.operators:
        operator.inputs = [
            None if tensor is None else stands_for.get(id(tensor), tensor)
            for tensor in operator.inputs
        ]
        if is_pure(operator) and not any(map(_awaits_grid, operator.outputs)):
            original = first.setdefault(_key(operator), operator)
            if original is not operator and not any(id(t) in outputs for t in operator.outputs):
                for old, new in zip(operator.outputs, original.outputs, strict=True):
                    stands_for[id(old)] = new
                continue
        kept.append(operator)
    graph.operators = kept
    return bool(stands_for)


def _awaits_grid(tensor: Tensor) -> bool:
    asked = tensor.range is not None and not tensor.range.observed
    return asked and tensor.quantization is None


def _key(operator: Operator) -> Hashable:
    return (
        operator.code,
        operator.version,
        _options(operator),
        tuple(None if tensor is None else _value(tensor) for tensor in operator.inputs),
        tuple(_kind(tensor) for tensor in operator.outputs),
    )


def _options(operator: Operator) -> Hashable:
    if operator.options is None:
        return None
    builder = flatbuffers.Builder()
    builder.Finish(operator.options.Pack(builder))
    return type(operator.options).__name__, bytes(builder.Output())


def _value(tensor: Tensor) -> Hashable:
    if tensor.data is None:
        return id(tensor)
    grid = tensor.trained_weights
    trained = None if grid is None else (grid.scale.tobytes(), grid.bits)
    shared = tensor.shared_weights
    factors = None if shared is None else shared.factors.tobytes()
    blocks = None if tensor.blocks is None else tensor.blocks.scale.tobytes()
    return _kind(tensor), trained, factors, blocks, tensor.data.tobytes()


def _kind(tensor: Tensor) -> Hashable:
    grid = tensor.quantization
    return (
        tensor.type,
        tensor.shape,
        tensor.range,
        tensor.bits,
        None if grid is None else (grid.scale.tobytes(), grid.zero_point.tobytes(), grid.axis),
    )
