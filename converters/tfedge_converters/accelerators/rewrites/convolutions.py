"""Convolutions and dense layers, written in other ways; every output bit stays.

Each function takes a graph and one of its operators, changes the graph in place and says whether it
could.
"""

from __future__ import annotations

import copy

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph.making import (
    integers,
    like,
    movement_version,
    replace,
    reshape,
)
from tfedge_converters.graph.types import Graph, Operator, Quantization, Tensor, TensorType


def dense_to_convolution(graph: Graph, operator: Operator) -> bool:
    """A dense layer on several rows as a 1x1 convolution over them, with the same weights."""
    match operator.inputs:
        case [Tensor() as x, Tensor(data=np.ndarray() as values) as weights, *rest] if (
            weights.type == TensorType.INT8 and x.elements % max(weights.shape[-1], 1) == 0
        ):
            pass
        case _:
            return False
    y, (outputs, depth) = operator.outputs[0], weights.shape
    rows = x.elements // depth
    if weights.quantization is None or rows * outputs != y.elements:
        return False
    kernel = Tensor(
        f"{weights.name}_kernel",
        (outputs, 1, 1, depth),
        weights.type,
        weights.quantization,
        values.reshape(outputs, 1, 1, depth),
    )
    bias = rest[0] if rest and rest[0] is not None else _no_bias(weights, x, outputs)
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideW = options.strideH = options.dilationWFactor = options.dilationHFactor = 1
    options.fusedActivationFunction = operator.options.fusedActivationFunction
    before, after = like(x, "rows", (1, 1, rows, depth)), like(y, "rows", (1, 1, rows, outputs))
    convolution = Operator("CONV_2D", [before, kernel, bias], [after], options, 3)
    replace(graph, operator, [reshape(x, before), convolution, reshape(after, y)])
    return True


def _no_bias(weights: Tensor, x: Tensor, outputs: int) -> Tensor:
    assert weights.quantization is not None
    scale = weights.quantization.scale * (1.0 if x.quantization is None else x.quantization.scale)
    grid = Quantization(scale.astype(np.float32), np.zeros(scale.shape, np.int64))
    return Tensor(
        f"{weights.name}_bias", (outputs,), TensorType.INT32, grid, np.zeros(outputs, np.int32)
    )


def equal_dilation(graph: Graph, operator: Operator) -> bool:
    """One dilation for both dimensions, where a kernel of size 1 does not notice."""
    match operator.inputs:
        case [_, Tensor(shape=(_, height, width, _)), *_] if 1 in (height, width):
            pass
        case _:
            return False
    options = copy.copy(operator.options)
    dilation = options.dilationWFactor if height == 1 else options.dilationHFactor
    options.dilationHFactor = options.dilationWFactor = dilation
    same = copy.copy(operator)
    same.options = options
    replace(graph, operator, [same])
    return True


def groups_to_split(graph: Graph, operator: Operator) -> bool:
    """A convolution in groups as one convolution a group, between SPLIT and CONCATENATION."""
    match operator.inputs:
        case [Tensor() as x, Tensor(data=np.ndarray()) as weights, *rest] if len(x.shape) == 4:
            bias = rest[0] if rest else None
        case _:
            return False
    y, depth, channels = operator.outputs[0], weights.shape[-1], weights.shape[0]
    groups = x.shape[3] // depth if depth else 0
    if groups < 2 or x.shape[3] != groups * depth or channels % groups:
        return False
    inputs = [like(y, f"group_{i}_input", (*x.shape[:3], depth)) for i in range(groups)]
    outputs = [like(y, f"group_{i}", (*y.shape[:3], channels // groups)) for i in range(groups)]
    for part in inputs:
        part.type, part.quantization = x.type, x.quantization
    split = schema.SplitOptionsT()
    split.numSplits = groups
    join = schema.ConcatenationOptionsT()
    join.axis = 3
    version = movement_version(x)
    made = [Operator("SPLIT", [integers(y, "axis", 3), x], inputs, split, version)]
    for i, (source, result) in enumerate(zip(inputs, outputs, strict=True)):
        parts = [None if t is None else _rows(t, i, groups) for t in (weights, bias)]
        made.append(Operator("CONV_2D", [source, *parts], [result], operator.options, 3))
    made.append(Operator("CONCATENATION", [*outputs], [y], join, version))
    replace(graph, operator, made)
    return True


def _rows(tensor: Tensor, index: int, count: int) -> Tensor:
    """One of `count` equal parts of a constant along its first dimension."""
    assert tensor.data is not None
    size = tensor.shape[0] // count
    chosen = slice(index * size, (index + 1) * size)
    grid = tensor.quantization
    if grid is not None and grid.per_channel:
        grid = Quantization(grid.scale[chosen], grid.zero_point[chosen], grid.axis)
    return Tensor(
        f"{tensor.name}_{index}", (size, *tensor.shape[1:]), tensor.type, grid, tensor.data[chosen]
    )
