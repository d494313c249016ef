"""Inputs that hold integers but are declared as floats."""

from __future__ import annotations

from tfedge_converters.graph import Graph, Model, Tensor, TensorType
from tfedge_converters.graph.bypass import bypass

_INDICES = (TensorType.INT32, TensorType.INT64)


def take_integers(model: Model) -> None:
    """Let float inputs that the model only ever casts to integers be those integers.

    Keras gives token ids the dtype float32 unless it is told otherwise; quantised as real
    numbers they would run into each other.
    """
    graph = model.main
    for tensor in graph.inputs:
        type_ = _only_cast_to(graph, tensor)
        if tensor.type is TensorType.FLOAT32 and type_ in _INDICES:
            tensor.type = type_
            bypass(model, graph, [reader for reader in graph.operators if tensor in reader.inputs])


def _only_cast_to(graph: Graph, tensor: Tensor) -> TensorType | None:
    """The type that every reader casts the tensor to; None if one does something else."""
    readers = [operator for operator in graph.operators if tensor in operator.inputs]
    types = {reader.outputs[0].type for reader in readers if reader.code == "CAST"}
    casts_only = all(reader.code == "CAST" for reader in readers) and tensor not in graph.outputs
    return types.pop() if casts_only and len(types) == 1 else None
