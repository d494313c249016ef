"""Constants in place of sizes that are computed, though they are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor, TensorType

# Operators whose results depend on the sizes of their operand alone, not on its values.
_INTEGERS = frozenset({TensorType.INT32, TensorType.INT64})


def fix_shape_operands(model: Model) -> bool:
    """Replace an operator's operand of sizes by a constant where its result has a fixed shape.

    Converters compute such operands from the sizes of other tensors. What constant folding leaves
    of that, a graph whose operators it does not evaluate, need not be computed: TFLite Micro takes
    the shapes that the file declares. Operands that depend on values stay as they are.

    Returns:
        Whether an operand was replaced.
    """
    changed = [_fix(graph, operator) for graph in model.graphs for operator in graph.operators]
    return any(changed)


def _fix(graph: Graph, operator: Operator) -> bool:
    if operator.code not in _KNOWN or len(operator.outputs) < 1:
        return False
    index, known = _KNOWN[operator.code]
    operand = operator.inputs[index] if index < len(operator.inputs) else None
    if operand is None or operand.data is not None or operand.type not in _INTEGERS:
        return False
    if not all(map(_is_fixed, operator.outputs)) or _depends_on_values(graph, operand):
        return False
    sizes = known(operator)
    if sizes is None or len(sizes) != operand.elements:
        return False
    data = np.array(sizes, operand.type.dtype).reshape(operand.shape)
    operator.inputs[index] = Tensor(operand.name, operand.shape, operand.type, data=data)
    return True


def _is_fixed(tensor: Tensor) -> bool:
    return min(tensor.shape_signature or (0,)) >= 0 and min(tensor.shape, default=1) > 0


def _depends_on_values(graph: Graph, tensor: Tensor) -> bool:
    """Whether a tensor is made from what is only known when the graph runs."""
    makers = {id(result): item for item in graph.operators for result in item.outputs}
    pending, seen = [tensor], set()
    while pending:
        wanted = pending.pop()
        if id(wanted) in seen or wanted.data is not None:
            continue
        seen.add(id(wanted))
        maker = makers.get(id(wanted))
        if maker is None:  # an input or a variable
            return True
        if traits_of(maker.code).reads_shape and all(
            t is not None and _is_fixed(t) for t in maker.inputs
        ):
            continue
        pending += [operand for operand in maker.inputs if operand is not None]
    return False


def _shape(operator: Operator) -> Sequence[int]:
    return operator.outputs[0].shape


def _height_and_width(operator: Operator) -> Sequence[int] | None:
    shape = operator.outputs[0].shape
    return shape[1:3] if len(shape) == 4 else None


def _multiples(operator: Operator) -> Sequence[int] | None:
    source, shape = operator.inputs[0], operator.outputs[0].shape
    if source is None or len(source.shape) != len(shape) or 0 in source.shape:
        return None
    return [size // before for size, before in zip(shape, source.shape, strict=True)]


def _parts(operator: Operator) -> Sequence[int] | None:
    """The sizes of the parts along the one axis on which they differ from the whole."""
    source, axis = operator.inputs[0], operator.inputs[2] if len(operator.inputs) > 2 else None
    if source is None or axis is None or axis.data is None:
        return None
    return [part.shape[int(axis.data.reshape(-1)[0])] for part in operator.outputs]


def _end(operator: Operator) -> Sequence[int] | None:
    """Where a slice with a result of this shape ends, of plain slices only."""
    if len(operator.inputs) != 4:
        return None
    source, begin, _, strides = operator.inputs
    options, shape = operator.options, operator.outputs[0].shape
    masks = ("beginMask", "endMask", "ellipsisMask", "newAxisMask", "shrinkAxisMask", "offset")
    if (
        source is None
        or begin is None
        or strides is None
        or any(getattr(options, mask, 0) for mask in masks)
    ):
        return None
    if begin.data is None or strides.data is None or len(source.shape) != len(shape):
        return None
    steps = strides.data.reshape(-1).tolist()
    if min(steps) < 1 or len(steps) != len(shape):
        return None
    starts = [
        first + size if first < 0 else first
        for first, size in zip(begin.data.reshape(-1).tolist(), source.shape, strict=True)
    ]
    return [
        first + (count - 1) * step + 1
        for first, count, step in zip(starts, shape, steps, strict=True)
    ]


# Operator to the operand that holds sizes, and what they are.
_KNOWN: dict[str, tuple[int, Callable[[Operator], Sequence[int] | None]]] = {
    "BROADCAST_TO": (1, _shape),
    "FILL": (0, _shape),
    "RESHAPE": (1, _shape),
    "RESIZE_BILINEAR": (1, _height_and_width),
    "RESIZE_NEAREST_NEIGHBOR": (1, _height_and_width),
    "SLICE": (2, _shape),
    "SPLIT_V": (1, _parts),
    "STRIDED_SLICE": (2, _end),
    "TILE": (1, _multiples),
    "TRANSPOSE_CONV": (0, _shape),
}
