"""Values of a graph's tensors for many samples at once: parts of graphs run in LiteRT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfedge_converters.graph import Graph, Model, Operator, Tensor
from tfedge_converters.graph.passes.packed_weights import unpack_weights
from tfedge_converters.interpreters import LITERT_PLAIN, run_model


class TensorValues:
    """Values of a graph's tensors, computed when they are asked for and kept.

    A value is an array of shape (samples, *tensor.shape), of the tensor's type.
    """

    def __init__(self, graph: Graph, known: Mapping[int, np.ndarray]):
        """`known`: values by id of the tensor; what follows from them can be asked for."""
        self._graph = graph
        self.known = dict(known)

    def of(self, tensor: Tensor) -> np.ndarray:
        """The values of a tensor.

        Raises:
            UnsupportedError: LiteRT cannot run what computes it.
        """
        if id(tensor) not in self.known:
            (self.known[id(tensor)],) = run_part(self._graph, self.known, [tensor])
        return self.known[id(tensor)]


def run_part(
    graph: Graph, known: Mapping[int, np.ndarray], wanted: Sequence[Tensor]
) -> list[np.ndarray]:
    """Run as little of a graph as computes some tensors from values that are known.

    Weights of four bits are unpacked first, which changes no result.

    Args:
        graph: real or integer.
        known: values by id of the tensor, each of shape (samples, *tensor.shape).
        wanted: what to compute.

    Returns:
        The values of the wanted tensors, of shape (samples, *tensor.shape).

    Raises:
        UnsupportedError: LiteRT cannot run it.
    """
    operators, sources = _part(graph, known, wanted)
    made = [tensor for tensor in wanted if id(tensor) not in known]
    part = unpack_weights(Graph(sources, made, operators))
    computed = iter(_run(part, [known[id(tensor)] for tensor in sources]) if made else ())
    return [known[id(t)] if id(t) in known else next(computed) for t in wanted]


def still_needed(
    graph: Graph, operator: Operator, known: Mapping[int, np.ndarray]
) -> dict[int, np.ndarray]:
    """Those of the known values that this operator or a later one depends on."""
    later = graph.operators[graph.operators.index(operator) :]
    read = [tensor for item in later for tensor in item.inputs if tensor is not None]
    kept = {id(tensor) for tensor in (*read, *_part(graph, known, read)[1])}
    return {key: value for key, value in known.items() if key in kept}


def _part(
    graph: Graph, known: Mapping[int, np.ndarray], wanted: Sequence[Tensor]
) -> tuple[list[Operator], list[Tensor]]:
    """The operators to run, in order, and the known tensors that they start from."""
    needed = {id(tensor) for tensor in wanted} - set(known)
    operators: list[Operator] = []
    sources: dict[int, Tensor] = {}
    for operator in reversed(graph.operators):
        if not needed & {id(tensor) for tensor in operator.outputs}:
            continue
        operators.append(operator)
        for tensor in operator.inputs:
            if tensor is None or tensor.is_constant or tensor.is_variable:
                continue
            if id(tensor) in known:
                sources[id(tensor)] = tensor
            else:
                needed.add(id(tensor))
    return operators[::-1], list(sources.values())


def _run(graph: Graph, columns: Sequence[np.ndarray]) -> list[np.ndarray]:
    samples = list(zip(*columns, strict=True))
    outputs = run_model(LITERT_PLAIN, Model([graph]), None, samples, what="a part of the model")
    return [np.stack(result) for result in zip(*outputs, strict=True)]
