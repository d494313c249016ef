"""Weights of few values, compressed for TFLite Micro where that makes the flash less.

Each is restored into the arena before the operator that reads it, every time that it runs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tfedge_converters.graph import Graph, Model, Operator, Tensor
from tfedge_converters.graph.lut_compression import Compressed, compress, decode

# Kernels that read their weights when they run alone, and which operand these are.
_WEIGHTS = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 1}

# Measured: what an operator and two more tensors take in a file, but for their names, and the code
# of DECODE for Cortex-M4 (arm-none-eabi-gcc 12.2 -Os).
_OPERATOR_BYTES = 240
_KERNEL_BYTES = 8621


def with_compressed_weights(model: Model) -> Model:
    """The model with weights as tables of values, where they take less flash so.

    Returns:
        The model itself where nothing is gained: what is saved has to be more than the code that
        restores it.
    """
    stored = [_stored_graph(graph) for graph in model.graphs]
    if sum(saved for _, saved in stored) <= _KERNEL_BYTES:
        return model
    written = {id(old): new for old, (new, _) in zip(model.graphs, stored, strict=True)}
    signatures = [replace(each, graph=written[id(each.graph)]) for each in model.signatures]
    return replace(model, graphs=list(written.values()), signatures=signatures)


def _stored_graph(graph: Graph) -> tuple[Graph, int]:
    """A graph with DECODE in front of what reads compressed weights, and the bytes saved."""
    readers = Counter(id(tensor) for op in graph.operators for tensor in op.inputs)
    operators, saved = [], 0
    for operator in graph.operators:
        weights = _weights_of(operator)
        compressed = None if weights is None or readers[id(weights)] > 1 else compress(weights)
        gain = 0 if weights is None or compressed is None else _gain(weights, compressed)
        if weights is None or compressed is None or gain <= 0:
            operators.append(operator)
            continue
        restoring = decode(weights, compressed)
        operators += [restoring, _reading(operator, weights, restoring.outputs[0])]
        saved += gain
    return replace(graph, operators=operators), saved


def _weights_of(operator: Operator) -> Tensor | None:
    place = _WEIGHTS.get(operator.code, len(operator.inputs))
    return operator.inputs[place] if place < len(operator.inputs) else None


def _gain(weights: Tensor, compressed: Compressed) -> int:
    described = _OPERATOR_BYTES + 2 * len(weights.name)
    return weights.byte_size - compressed.byte_size - described


def _reading(operator: Operator, old: Tensor, new: Tensor) -> Operator:
    return replace(
        operator, inputs=[new if tensor is old else tensor for tensor in operator.inputs]
    )
