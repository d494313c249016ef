"""Changes that keep every output bit.

Each takes a graph and one of its operators, changes the graph in place and says whether it could.
"""

from __future__ import annotations

import copy
import itertools

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.quantization.policy import INT8, OPERATORS
from tfedge_converters.accelerators.changes.making import (
    integers,
    like,
    replace,
    reshape,
    slice_of,
    slice_version,
)
from tfedge_converters.graph.types import Graph, Operator, Quantization, Tensor, TensorType


def leaky_relu_to_prelu(graph: Graph, operator: Operator) -> bool:
    """LEAKY_RELU as PRELU whose alpha is the integer 1 on a grid whose scale is the slope.

    Both kernels multiply a negative operand, less its zero point, with the same multiplier:
    input scale * slope / output scale, of float64. The slope must be positive.
    """
    match operator:
        case Operator(inputs=[Tensor() as x], outputs=[y]) if x.shape and x.type == TensorType.INT8:
            slope = np.float32(getattr(operator.options, "alpha", 0.0))
        case _:
            return False
    if not slope > 0:
        return False
    alpha = Tensor(
        f"{y.name}_alpha",
        (*(1 for _ in x.shape[1:-1]), x.shape[-1]),
        TensorType.INT8,
        Quantization.per_tensor(float(slope), 0),
    )
    alpha.data = np.ones(alpha.shape, np.int8)
    replace(graph, operator, [Operator("PRELU", [x, alpha], [y])])
    return True


_ACTIVATIONS = {
    schema.ActivationFunctionType.RELU: "RELU",
    schema.ActivationFunctionType.RELU6: "RELU6",
    schema.ActivationFunctionType.RELU_N1_TO_1: "RELU_N1_TO_1",
}


def unfuse_activation(graph: Graph, operator: Operator) -> bool:
    """A clamp on its own behind the operator: on one grid it moves no integer."""
    code = _ACTIVATIONS.get(getattr(operator.options, "fusedActivationFunction", 0))
    if code is None or len(operator.outputs) != 1:
        return False
    y = operator.outputs[0]
    before = like(y, "before", y.shape)
    plain = copy.copy(operator.options)
    plain.fusedActivationFunction = schema.ActivationFunctionType.NONE
    first = Operator(operator.code, operator.inputs, [before], plain, operator.version)
    version = 2 if y.type == TensorType.INT8 and code != "RELU_N1_TO_1" else 1
    replace(graph, operator, [first, Operator(code, [before], [y], None, version)])
    return True


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


def pixel_to_tile(graph: Graph, operator: Operator) -> bool:
    """Resizing one pixel repeats it, whatever the interpolation."""
    x, y = operator.inputs[0], operator.outputs[0]
    if x is None or len(x.shape) != 4 or x.shape[1:3] != (1, 1) or not _same_grid(x, y):
        return False
    multiples = integers(y, "multiples", (1, *y.shape[1:3], 1))
    replace(graph, operator, [Operator("TILE", [x, multiples], [y], None, slice_version(x))])
    return True


def unpack_to_split(graph: Graph, operator: Operator) -> bool:
    """Parts of size 1 along the axis, and the axis dropped."""
    x, count = operator.inputs[0], len(operator.outputs)
    if x is None or not x.shape:
        return False
    axis = operator.options.axis % len(x.shape)
    if x.shape[axis] != count or not all(_same_grid(x, y) for y in operator.outputs):
        return False
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    parts = [like(y, "part", shape) for y in operator.outputs]
    options = schema.SplitOptionsT()
    options.numSplits = count
    operands: list[Tensor | None] = [integers(x, "axis", axis), x]
    split = Operator("SPLIT", operands, parts, options, slice_version(x))
    shapes = [reshape(part, y) for part, y in zip(parts, operator.outputs, strict=True)]
    replace(graph, operator, [split, *shapes])
    return True


def split_to_slices(graph: Graph, operator: Operator) -> bool:
    """Every part of a split on its own."""
    match operator.inputs:
        case [Tensor() as x, Tensor(), Tensor(data=np.ndarray() as axes)] if x.shape:
            axis = int(axes.reshape(-1)[0]) % len(x.shape)
        case _:
            return False
    sizes = [y.shape[axis] for y in operator.outputs]
    if sum(sizes) != x.shape[axis] or not all(_same_grid(x, y) for y in operator.outputs):
        return False
    starts = itertools.accumulate(sizes[:-1], initial=0)
    boxes = [[start if i == axis else 0 for i in range(len(x.shape))] for start in starts]
    slices = [slice_of(x, box, y) for box, y in zip(boxes, operator.outputs, strict=True)]
    replace(graph, operator, slices)
    return True


def gather_to_slice(graph: Graph, operator: Operator) -> bool:
    """Constant indices that follow each other pick a box."""
    match operator.inputs:
        case [Tensor(data=None) as x, Tensor(data=np.ndarray() as indices)] if (
            x.shape and indices.size and not getattr(operator.options, "batchDims", 0)
        ):
            pass
        case _:
            return False
    axis, y = operator.options.axis % len(x.shape), operator.outputs[0]
    first, flat = int(indices.reshape(-1)[0]), indices.reshape(-1).tolist()
    inside = first >= 0 and first + len(flat) <= x.shape[axis]
    if not inside or flat != list(range(first, first + len(flat))) or not _same_grid(x, y):
        return False
    shape = (*x.shape[:axis], len(flat), *x.shape[axis + 1 :])
    box = [first if i == axis else 0 for i in range(len(x.shape))]
    part = like(y, "part", shape)
    made = [slice_of(x, box, y)] if shape == y.shape else [slice_of(x, box, part), reshape(part, y)]
    replace(graph, operator, made)
    return True


def plain_slice(graph: Graph, operator: Operator) -> bool:
    """STRIDED_SLICE of strides 1 without ellipsis and new axes: a box, and the result's shape."""
    match operator.inputs:
        case [
            Tensor() as x,
            Tensor(data=np.ndarray() as begin),
            Tensor(data=np.ndarray() as end),
            Tensor(data=np.ndarray() as strides),
        ]:
            pass
        case _:
            return False
    options, y = operator.options, operator.outputs[0]
    dimensions = _sliced_dimensions(x.shape, begin, end, strides, options)
    if dimensions is None or not _same_grid(x, y):
        return False
    starts, sizes = zip(*dimensions, strict=True)
    part = like(y, "part", tuple(sizes))
    if part.elements != y.elements:
        return False
    replace(graph, operator, [slice_of(x, starts, part), reshape(part, y)])
    return True


def _sliced_dimensions(
    shape: tuple[int, ...],
    begin: np.ndarray,
    end: np.ndarray,
    strides: np.ndarray,
    options: schema.StridedSliceOptionsT,
) -> list[tuple[int, int]] | None:
    """First index and size of every dimension of the operand; None where a stride is not 1."""
    entries = len(begin)
    new_axes = [bool(options.newAxisMask >> i & 1) for i in range(entries)]
    ellipsis = [bool(options.ellipsisMask >> i & 1) for i in range(entries)]
    if any(stride != 1 for i, stride in enumerate(strides) if not (new_axes[i] or ellipsis[i])):
        return None
    whole = len(shape) - sum(not (a or e) for a, e in zip(new_axes, ellipsis, strict=True))
    found: list[tuple[int, int]] = []
    for i in range(entries):
        if ellipsis[i]:
            found += [(0, size) for size in shape[len(found) : len(found) + whole]]
        elif not new_axes[i] and len(found) < len(shape):
            found.append(_interval(shape[len(found)], i, begin, end, options))
    found += [(0, size) for size in shape[len(found) :]]
    return found if len(found) == len(shape) else None


def _interval(
    size: int, i: int, begin: np.ndarray, end: np.ndarray, options: schema.StridedSliceOptionsT
) -> tuple[int, int]:
    start = 0 if options.beginMask >> i & 1 else _within(int(begin[i]), size)
    if options.shrinkAxisMask >> i & 1:
        return start, 1
    stop = size if options.endMask >> i & 1 else _within(int(end[i]), size)
    return start, max(stop - start, 0)


def _within(index: int, size: int) -> int:
    return min(max(index + size if index < 0 else index, 0), size)


def lowest_version(graph: Graph, operator: Operator) -> bool:
    """Newer versions of these operators say nothing that a graph of int8 needs."""
    policy = OPERATORS.get(operator.code)
    lowest = None if policy is None else policy.versions.get(INT8)
    needed = _version_needed(operator, lowest)
    if needed is None or operator.version <= needed:
        return False
    newer = copy.copy(operator)
    newer.version = needed
    replace(graph, operator, [newer])
    return True


def _version_needed(operator: Operator, lowest: int | None) -> int | None:
    types = {t.type for t in (*operator.inputs[:2], *operator.outputs) if t is not None}
    if lowest is None or not types <= {TensorType.INT8, TensorType.INT32}:
        return None
    options = operator.options
    newer = ("keepNumDims", "asymmetricQuantizeInputs")
    if any(getattr(options, name, False) for name in newer):
        return None
    return 3 if getattr(options, "halfPixelCenters", False) else lowest


def _same_grid(x: Tensor, y: Tensor) -> bool:
    same = x.quantization is y.quantization is None
    return x.type == y.type and (
        same or (x.quantization is not None and x.quantization.same_as(y.quantization))
    )
