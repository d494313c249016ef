"""Removal of the padding of SPACE_TO_BATCH_ND, which interpreters do not agree on."""

from __future__ import annotations

import dataclasses

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph.types import Graph, Model, Operator, Tensor, TensorType

# What PAD fills as SPACE_TO_BATCH_ND does in LiteRT: with the zero point, or with 0.
_TYPES = frozenset(
    {TensorType.FLOAT32, TensorType.INT8, TensorType.INT32, TensorType.INT64, TensorType.UINT8}
)
_INDICES = frozenset({TensorType.INT32, TensorType.INT64})


def split_batch_padding(model: Model) -> bool:
    """SPACE_TO_BATCH_ND with padding becomes PAD and SPACE_TO_BATCH_ND without, in place.

    LiteRT pads int8 with the zero point; TFLite Micro with a number that it never sets. Both pad
    alike in PAD, and LiteRT's results stay what they are.

    Returns:
        Whether an operator was split.
    """
    changed = [_split_all(graph) for graph in model.graphs]
    return any(changed)


def _split_all(graph: Graph) -> bool:
    operators = [part for operator in graph.operators for part in _split(operator)]
    changed = len(operators) > len(graph.operators)
    graph.operators = operators
    return changed


def pads_batches(operator: Operator) -> bool:
    """Whether it is a SPACE_TO_BATCH_ND that may add values of its own."""
    edges = operator.inputs[2] if len(operator.inputs) == 3 else None
    return operator.code == "SPACE_TO_BATCH_ND" and (
        edges is None or edges.data is None or bool(edges.data.any())
    )


def _split(operator: Operator) -> list[Operator]:
    if pads_batches(operator):
        match operator.inputs, operator.outputs:
            case [Tensor() as source, Tensor() as block, Tensor() as edges], [output] if _are_edges(
                edges, source, output
            ):
                parts = _parts(operator, source, block, edges)
                # Otherwise the file contradicts itself, which others refuse.
                if parts[0].outputs[0].elements == output.elements:
                    return parts
    return [operator]


def _are_edges(edges: Tensor, source: Tensor, output: Tensor) -> bool:
    """Whether these are constant amounts for dimensions between the batch and the channels."""
    return (
        edges.data is not None
        and edges.type in _INDICES
        and len(edges.shape) == 2
        and edges.shape[0] <= len(source.shape) - 2
        and edges.shape[1] == 2
        and edges.data.min() >= 0
        and source.type in _TYPES
        and -1 not in (source.shape_signature or ())
        and len(source.shape) == len(output.shape)
    )


def _parts(operator: Operator, source: Tensor, block: Tensor, edges: Tensor) -> list[Operator]:
    assert edges.data is not None
    after = len(source.shape) - 1 - edges.shape[0]
    amounts = np.pad(edges.data, [(1, after), (0, 0)])
    shape = tuple(
        size + int(before) + int(behind)
        for size, (before, behind) in zip(source.shape, amounts, strict=True)
    )
    name = operator.outputs[0].name
    padded = Tensor(f"{name}_padded", shape, source.type, source.quantization)
    sizes = Tensor(f"{name}_edges", amounts.shape, edges.type, data=amounts)
    none = Tensor(f"{name}_no_edges", edges.shape, edges.type, data=np.zeros_like(edges.data))
    pad = Operator("PAD", [source, sizes], [padded], schema.PadOptionsT(), 2)
    return [pad, dataclasses.replace(operator, inputs=[padded, block, none])]
