"""Digest of a model that does not depend on what its layers are called."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from tfedge_converters.graph.types import Graph, Model, Operator, Tensor


def digest(model: Model) -> str:
    """SHA-256, in hexadecimal, of the operators, how they are connected, and their constants.

    Names count for nothing: Keras numbers layers anew in each session.
    """
    found = hashlib.sha256()
    for graph in model.graphs:
        _add_graph(found, graph)
    return found.hexdigest()


def _add_graph(found: Any, graph: Graph) -> None:
    places = {id(tensor): place for place, tensor in enumerate(graph.tensors())}
    for tensor in graph.tensors():
        _add_tensor(found, tensor)
    for operator in graph.operators:
        operands = [
            [-1 if tensor is None else places[id(tensor)] for tensor in tensors]
            for tensors in (operator.inputs, operator.outputs)
        ]
        found.update(repr((operator.name, operands, _options(operator))).encode())
    interface = [[places[id(t)] for t in tensors] for tensors in (graph.inputs, graph.outputs)]
    found.update(repr(interface).encode())


def _add_tensor(found: Any, tensor: Tensor) -> None:
    found.update(repr((tensor.shape, int(tensor.type), tensor.is_variable)).encode())
    if tensor.quantization is not None:
        found.update(tensor.quantization.scale.tobytes() + tensor.quantization.zero_point.tobytes())
    if tensor.blocks is not None:
        found.update(tensor.blocks.scale.tobytes())
    if tensor.data is not None:
        found.update(np.ascontiguousarray(tensor.data).tobytes())


def _options(operator: Operator) -> tuple[Any, ...]:
    fields = {} if operator.options is None else vars(operator.options)
    plain = {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in fields.items()
    }
    return (operator.custom_options, sorted(plain.items()))
