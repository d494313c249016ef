"""Makers of operators and tensors that take the place of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph.types import Graph, Operator, Tensor, TensorType


def replace(graph: Graph, old: Operator, new: Sequence[Operator]) -> None:
    """Put operators in the place of one."""
    graph.operators = [
        part for operator in graph.operators for part in (new if operator is old else [operator])
    ]


def like(
    tensor: Tensor, what: str, shape: tuple[int, ...], type_: TensorType | None = None
) -> Tensor:
    """An activation with the grid of another, which its name begins with."""
    made = tensor.type if type_ is None else type_
    grid = tensor.quantization if made == tensor.type else None
    return Tensor(f"{tensor.name}_{what}", shape, made, grid)


def integers(tensor: Tensor, what: str, values: Any) -> Tensor:
    """An int32 constant, named after a tensor."""
    data = np.array(values, np.int32)
    return Tensor(f"{tensor.name}_{what}", data.shape, TensorType.INT32, data=data)


def reshape(source: Tensor, result: Tensor) -> Operator:
    """The operator that gives `source` the shape of `result`."""
    options = schema.ReshapeOptionsT()
    options.newShape = np.array(result.shape, np.int32)
    return Operator("RESHAPE", [source, integers(result, "shape", result.shape)], [result], options)


def slice_of(
    source: Tensor, begin: Sequence[int], result: Tensor, size: Sequence[int] | None = None
) -> Operator:
    """The operator that takes a box of `size`, or of the result's shape, out of `source`."""
    sizes = integers(result, "size", result.shape if size is None else size)
    operands: list[Tensor | None] = [source, integers(result, "begin", begin), sizes]
    return Operator("SLICE", operands, [result], schema.SliceOptionsT(), movement_version(source))


def movement_version(source: Tensor) -> int:
    """The lowest version of movements of integers that says their type."""
    return 2 if source.type == TensorType.INT8 else 1


def same_grid(x: Tensor, y: Tensor) -> bool:
    """Whether two tensors have one type, and their integers one meaning."""
    same = x.quantization is y.quantization is None
    return x.type == y.type and (
        same or (x.quantization is not None and x.quantization.same_as(y.quantization))
    )
