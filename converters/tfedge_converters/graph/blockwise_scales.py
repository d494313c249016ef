"""Weights whose blocks have scales of their own, which few kernels read."""

from __future__ import annotations

from tfedge.errors import UnsupportedError
from tfedge_converters.graph.types import Graph, Operator, Tensor


def block_operands(operator: Operator) -> list[Tensor]:
    """The operands of an operator that have a scale for every block."""
    return [
        tensor for tensor in operator.inputs if tensor is not None and tensor.blocks is not None
    ]


def has_blocks(graph: Graph) -> bool:
    """Whether an operator of a graph reads such weights."""
    return any(map(block_operands, graph.operators))


def refuse_blocks(graph: Graph, reader: str) -> None:
    """Refuse a graph for what would take weights in blocks for something else.

    Args:
        graph: what it would read.
        reader: what it is called, e.g. "TFLite Micro".

    Raises:
        UnsupportedError: names the first operator that reads such weights.
    """
    for operator in graph.operators:
        for tensor in block_operands(operator):
            raise blocks_error(graph, operator, tensor, reader)


def blocks_error(graph: Graph, operator: Operator, tensor: Tensor, reader: str) -> UnsupportedError:
    """Say that a reader cannot compute an operator with these weights."""
    assert tensor.blocks is not None
    return UnsupportedError(
        f"{graph.place(operator)}: '{tensor.name}' of type {tensor.type.name} has a scale for "
        f"every {tensor.blocks.block_size} weights, which {reader} does not compute with; of "
        "kernels, only XNNPACK's for a dense layer of real numbers do"
    )
