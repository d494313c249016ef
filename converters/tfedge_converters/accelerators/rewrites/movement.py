"""Operators that move integers, as others that do; every output bit stays.

Each function takes a graph and one of its operators, changes the graph in place and says whether it
could.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph.making import (
    integers,
    like,
    movement_version,
    replace,
    reshape,
    same_grid,
    slice_of,
)
from tfedge_converters.graph.types import Graph, Operator, Tensor


def pixel_to_tile(graph: Graph, operator: Operator) -> bool:
    """Resizing one pixel repeats it, whatever the interpolation."""
    x, y = operator.inputs[0], operator.outputs[0]
    if x is None or len(x.shape) != 4 or x.shape[1:3] != (1, 1) or not same_grid(x, y):
        return False
    multiples = integers(y, "multiples", (1, *y.shape[1:3], 1))
    replace(graph, operator, [Operator("TILE", [x, multiples], [y], None, movement_version(x))])
    return True


def unpack_to_split(graph: Graph, operator: Operator) -> bool:
    """Parts of size 1 along the axis, and the axis dropped."""
    x, count = operator.inputs[0], len(operator.outputs)
    if x is None or not x.shape:
        return False
    axis = operator.options.axis % len(x.shape)
    if x.shape[axis] != count or not all(same_grid(x, y) for y in operator.outputs):
        return False
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    parts = [like(y, "part", shape) for y in operator.outputs]
    options = schema.SplitOptionsT()
    options.numSplits = count
    operands: list[Tensor | None] = [integers(x, "axis", axis), x]
    split = Operator("SPLIT", operands, parts, options, movement_version(x))
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
    if sum(sizes) != x.shape[axis] or not all(same_grid(x, y) for y in operator.outputs):
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
    if not inside or flat != list(range(first, first + len(flat))) or not same_grid(x, y):
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
    if dimensions is None or not same_grid(x, y):
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


# Beyond this it takes too long to see what is repeated.
_MOST_ELEMENTS = 1 << 24

_SPREADS: Mapping[str, Callable[[np.ndarray, Operator], np.ndarray]] = {
    "RESHAPE": lambda values, operator: values.reshape(operator.outputs[0].shape),
    "EXPAND_DIMS": lambda values, operator: values.reshape(operator.outputs[0].shape),
    "SQUEEZE": lambda values, operator: values.reshape(operator.outputs[0].shape),
    "TILE": lambda values, operator: np.tile(values, _multiples(operator, values.size)),
    "BROADCAST_TO": lambda values, operator: np.broadcast_to(values, operator.outputs[0].shape),
}


def repeat_to_resize(graph: Graph, operator: Operator) -> bool:
    """RESHAPE and TILE in a row that repeat pixels, as Keras writes UpSampling2D: one resize."""
    chain = _chain(graph, operator)
    x, y = chain[0].inputs[0], chain[-1].outputs[0]
    if x is None or len(x.shape) != 4 or len(y.shape) != 4 or not same_grid(x, y):
        return False
    if not _repeats_pixels(x, y, chain):
        return False
    options = schema.ResizeNearestNeighborOptionsT()
    size = integers(y, "size", y.shape[1:3])
    resize = Operator("RESIZE_NEAREST_NEIGHBOR", [x, size], [y], options, movement_version(x))
    for part in chain[:-1]:
        replace(graph, part, [])
    replace(graph, chain[-1], [resize])
    return True


def _chain(graph: Graph, operator: Operator) -> list[Operator]:
    """The longest row of operators that only spread what the one before gives to them alone."""
    makers = {id(t): item for item in graph.operators for t in item.outputs}
    readers: dict[int, list[Operator]] = {}
    for item in graph.operators:
        for tensor in item.inputs:
            readers.setdefault(id(tensor), []).append(item)
    outputs = {id(output) for output in graph.outputs}

    def alone(tensor: Tensor) -> Operator | None:
        found = readers.get(id(tensor), [])
        return found[0] if len(found) == 1 and id(tensor) not in outputs else None

    chain = [operator]
    while (before := makers.get(id(chain[0].inputs[0]))) is not None and before.code in _SPREADS:
        if alone(before.outputs[0]) is not chain[0]:
            break
        chain.insert(0, before)
    while (after := alone(chain[-1].outputs[0])) is not None and after.code in _SPREADS:
        chain.append(after)
    return chain


def _repeats_pixels(x: Tensor, y: Tensor, chain: list[Operator]) -> bool:
    """Whether a chain gives what the nearest pixels are, in the arithmetic of interpreters."""
    if max(x.elements, *(part.outputs[0].elements for part in chain)) > _MOST_ELEMENTS:
        return False
    values = np.arange(x.elements).reshape(x.shape)
    found = values
    try:
        for operator in chain:
            found = _SPREADS[operator.code](found, operator)
    except (KeyError, ValueError, IndexError):
        return False
    rows, columns = (_nearest(x.shape[i], y.shape[i]) for i in (1, 2))
    return found.shape == y.shape and np.array_equal(found, values[:, rows][:, :, columns])


def _nearest(size: int, wanted: int) -> np.ndarray:
    scale = np.float32(size) / np.float32(wanted)
    places = np.floor(np.arange(wanted, dtype=np.float32) * scale).astype(np.int64)
    return np.minimum(places, size - 1)


def _multiples(operator: Operator, size: int) -> list[int]:
    tensor = operator.inputs[1]
    counts = [] if tensor is None or tensor.data is None else tensor.data.reshape(-1).tolist()
    if size * math.prod(counts) != operator.outputs[0].elements:
        raise ValueError("not the shape that the file says")
    return counts
