"""Weights of few values, compressed for TFLite Micro where that makes the flash less.

Each is restored into the arena before the operator that reads it, every time that it runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tfedge_converters.graph import Graph, Operator, Tensor, TensorType
from tfedge_converters.graph.lut_compression import Compressed, compress, decode

# Kernels that read their weights when they run alone, and which operand these are.
_WEIGHTS = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 1}

# Measured: what an operator and two more tensors take in a file, but for their names, and the code
# of DECODE for Cortex-M4 (arm-none-eabi-gcc 12.2 -Os).
_OPERATOR_BYTES = 240
_KERNEL_BYTES = 8621


def with_compressed_weights(graphs: Sequence[Graph]) -> Sequence[Graph]:
    """The graphs with weights as tables of values, where they take less flash so.

    Returns:
        The graphs themselves where nothing is gained: what is saved has to be more than the code
        that restores it.
    """
    chosen, saved = _chosen(graphs)
    if saved <= _KERNEL_BYTES:
        return graphs
    return [_stored_graph(graph, chosen) for graph in graphs]


def _chosen(graphs: Sequence[Graph]) -> tuple[dict[int, Compressed], int]:
    """Weights to compress, by their tensor's identity, and the bytes that the file saves by it."""
    chosen: dict[int, Compressed] = {}
    saved = 0
    single = {id(tensor) for graph in graphs for tensor in _of_single_use(graph)}
    for alike in _constants_alike(graphs):
        # A file holds them once, as long as one of them is there as it is.
        forms = [compress(tensor) if id(tensor) in single else None for tensor in alike]
        compressed = [form for form in forms if form is not None]
        gain = _gain(alike, compressed)
        if len(compressed) == len(alike) and gain > 0:
            chosen.update(zip(map(id, alike), compressed, strict=True))
            saved += gain
    return chosen, saved


def _of_single_use(graph: Graph) -> Iterator[Tensor]:
    """Weights of layers that nothing else of their graph reads."""
    readers = Counter(id(tensor) for op in graph.operators for tensor in op.inputs)
    readers.update(map(id, graph.outputs))
    for weights in map(_weights_of, graph.operators):
        if weights is not None and weights.is_constant and readers[id(weights)] == 1:
            yield weights


def _constants_alike(graphs: Sequence[Graph]) -> Iterable[list[Tensor]]:
    """The constants of all graphs, those of the same bytes together."""
    alike: dict[tuple[TensorType, bytes], list[Tensor]] = {}
    for graph in graphs:
        for tensor in graph.tensors():
            if tensor.data is not None:
                alike.setdefault((tensor.type, tensor.data.tobytes()), []).append(tensor)
    return alike.values()


def _stored_graph(graph: Graph, chosen: Mapping[int, Compressed]) -> Graph:
    """A graph with DECODE in front of what reads compressed weights."""
    operators = []
    for operator in graph.operators:
        weights = _weights_of(operator)
        compressed = chosen.get(id(weights))
        if weights is None or compressed is None:
            operators.append(operator)
            continue
        restoring = decode(weights, compressed)
        operators += [restoring, _reading(operator, weights, restoring.outputs[0])]
    return replace(graph, operators=operators)


def _weights_of(operator: Operator) -> Tensor | None:
    place = _WEIGHTS.get(operator.code, len(operator.inputs))
    return operator.inputs[place] if place < len(operator.inputs) else None


def _gain(alike: Sequence[Tensor], forms: Sequence[Compressed]) -> int:
    """Bytes that a file saves where it has tensors of the same bytes in compressed forms."""
    parts = {part.tobytes() for form in forms for part in (form.indices, form.ancillary)}
    described = sum(_OPERATOR_BYTES + 2 * len(tensor.name) for tensor in alike)
    return alike[0].byte_size - sum(map(len, parts)) - described


def _reading(operator: Operator, old: Tensor, new: Tensor) -> Operator:
    return replace(
        operator, inputs=[new if tensor is old else tensor for tensor in operator.inputs]
    )
