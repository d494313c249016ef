"""Constants in place of operators whose results are known before the graph runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tfedge_converters.graph.blockwise_scales import block_operands
from tfedge_converters.graph.evaluation import evaluate
from tfedge_converters.graph.operator_traits import Folding, traits_of
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor, TensorType

# A result may take this, or four times its operands (float32 from int8), whatever is more.
LARGEST_RESULT_BYTES = 1 << 20
_LARGEST_GROWTH = 4

# Results that only the shape of the operand decides.
_OF_SHAPES: dict[str, Callable[[tuple[int, ...]], object]] = {"RANK": len, "SHAPE": tuple}


def fold_constants(model: Model, *, keep_halves: bool = False) -> bool:
    """Evaluate operators on constants with LiteRT's reference kernels, in place.

    Left alone are operators that LiteRT refuses, results of more than a MiB that are also more
    than four times their operands, and outputs of the graph.

    Args:
        model: the one to change.
        keep_halves: whether constants of half precision stay as they are stored, for what reads
            them so.

    Returns:
        Whether an operator was replaced.
    """
    changed = [_fold(graph, keep_halves) for graph in model.graphs]
    return any(changed)


def _fold(graph: Graph, keep_halves: bool) -> bool:
    outputs = {id(tensor) for tensor in graph.outputs}
    kept = []
    for operator in graph.operators:
        foldable = operator.outputs and not any(
            id(tensor) in outputs for tensor in operator.outputs
        )
        stays = not foldable or (keep_halves and _is_stored_half(operator))
        values = None if stays else _values(operator)
        if values is None:
            kept.append(operator)
            continue
        for tensor, value in zip(operator.outputs, values, strict=True):
            tensor.data = value
            tensor.shape = value.shape
            tensor.shape_signature = None
    changed = len(kept) < len(graph.operators)
    graph.operators = kept
    return changed


def _is_stored_half(operator: Operator) -> bool:
    return operator.code == "DEQUANTIZE" and any(
        tensor is not None and tensor.type == TensorType.FLOAT16 for tensor in operator.inputs
    )


def _values(operator: Operator) -> list[np.ndarray] | None:
    if operator.code in _OF_SHAPES:
        return _of_shape(operator)
    operands = [tensor for tensor in operator.inputs if tensor is not None]
    if not _is_foldable(operator, operands):
        return None
    if _result_bytes(operator) > max(
        LARGEST_RESULT_BYTES, _LARGEST_GROWTH * sum(t.byte_size for t in operands)
    ):
        return None
    return evaluate(operator)


def _of_shape(operator: Operator) -> list[np.ndarray] | None:
    source, output = operator.inputs[0] if operator.inputs else None, operator.outputs[0]
    if source is None or -1 in (source.shape_signature or ()) or output.type.dtype is None:
        return None
    return [np.array(_OF_SHAPES[operator.code](source.shape), output.type.dtype)]


def _is_foldable(operator: Operator, operands: list[Tensor]) -> bool:
    if not operands or any(t.data is None or t.is_variable for t in operands):
        return False
    if any(tensor.type.dtype is None for tensor in (*operands, *operator.outputs)):
        return False
    if block_operands(operator):
        return False
    match traits_of(operator.code).folding:
        case Folding.ALWAYS:
            return _one_grid(operator, operands)
        case Folding.REAL:
            return all(tensor.quantization is None for tensor in operator.outputs)
    return False


def _one_grid(operator: Operator, operands: list[Tensor]) -> bool:
    """Whether every quantised tensor has the same grid for all its values, or none has any."""
    output = operator.outputs[0].quantization
    if output is None:
        return all(tensor.quantization is None for tensor in operands)
    quantised = [t.quantization for t in (*operands, *operator.outputs) if t.quantization]
    return not output.per_channel and all(grid.same_as(output) for grid in quantised)


def _result_bytes(operator: Operator) -> float:
    """Estimate the results' bytes: LiteRT allocates by the operands, not by a file's shapes."""
    sizes = [tensor.shape for tensor in operator.inputs if tensor is not None]
    largest: float = max(math.prod(shape) for shape in sizes)
    if operator.code in _GROWTH:
        try:
            largest = max(largest, _GROWTH[operator.code](operator))
        except (AttributeError, IndexError, TypeError, ValueError, ZeroDivisionError):
            return math.inf
    elif traits_of(operator.code).folding == Folding.REAL:
        largest = math.prod(max(column) for column in _columns(sizes))
    return sum((tensor.type.bits or 0) / 8 * largest for tensor in operator.outputs)


def _columns(sizes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Sizes of each dimension, counted from the last, of shapes that broadcast."""
    rank = max(map(len, sizes))
    return list(zip(*((1,) * (rank - len(shape)) + shape for shape in sizes), strict=True))


def _product(index: int) -> Callable[[Any], float]:
    return lambda operator: math.prod(map(abs, operator.inputs[index].data.reshape(-1).tolist()))


def _range(operator: Any) -> float:
    start, limit, step = (float(tensor.data.reshape(-1)[0]) for tensor in operator.inputs)
    return abs((limit - start) / step) + 1


def _tiles(operator: Any) -> float:
    return operator.inputs[0].elements * _product(1)(operator)


def _padded(operator: Any) -> float:
    shape, pads = operator.inputs[0].shape, operator.inputs[1].data
    return math.prod(n + int(abs(a)) + int(abs(b)) for n, (a, b) in zip(shape, pads, strict=True))


def _joined(operator: Any) -> float:
    return sum(tensor.elements for tensor in operator.inputs)


def _gathered(operator: Any) -> float:
    return operator.inputs[0].elements * operator.inputs[1].elements


# Elements of results that are larger than their operands. These trust no operand to be there, or to
# be what it should: whatever goes wrong in them means that the operator stays.
_GROWTH: dict[str, Callable[[Any], float]] = {
    "BROADCAST_TO": _product(1),
    "CONCATENATION": _joined,
    "FILL": _product(0),
    "GATHER": _gathered,
    "PACK": _joined,
    "PAD": _padded,
    "PADV2": _padded,
    "RANGE": _range,
    "TILE": _tiles,
}
