"""Which values an input may hold, by what reads it: rows of tables, divisors, QUANTIZE."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tfedge_converters.graph import Graph, Operator, Tensor, TensorType
from tfedge_converters.graph.operator_traits import traits_of

_TYPES_OF_INDICES = frozenset({TensorType.INT32, TensorType.INT64})

# Of integers that nothing bounds: products of two fit into 32 bits, and comparisons vary.
_FREE = (-1000, 1000)
_REAL = (-1.0, 1.0)


@dataclass(frozen=True)
class Values:
    """Interval of values that may be put into an input.

    Attributes:
        low, high: the least and the largest value, both possible; None where the type decides.
        without: a value that must not occur, a divisor of 0; None if all may.
    """

    low: float | None = None
    high: float | None = None
    without: int | None = None

    def within(self, other: Values) -> Values:
        """Intersect the two; the largest of the least values where that is nothing."""
        lows = [bound for bound in (self.low, other.low) if bound is not None]
        highs = [bound for bound in (self.high, other.high) if bound is not None]
        low, high = max(lows, default=None), min(highs, default=None)
        return Values(
            low=low,
            high=high if low is None or high is None else max(low, high),
            without=self.without if other.without is None else other.without,
        )


def values_of(graph: Graph, tensor: Tensor) -> Values:
    """Return the values of a graph's input for which every operator that reads them is defined.

    Args:
        graph: the input's graph.
        tensor: an integer or float32 input.
    """
    found = Values()
    for operator, index in _readers(graph, tensor):
        found = found.within(_bound(operator, index))
    if found.low is None and found.high is None and tensor.type in _TYPES_OF_INDICES:
        found = dataclasses.replace(found, low=_FREE[0], high=_FREE[1])
    if found.low is None and found.high is None and tensor.type == TensorType.FLOAT32:
        found = dataclasses.replace(found, low=_REAL[0], high=_REAL[1])
    return found


def _readers(graph: Graph, tensor: Tensor) -> Iterator[tuple[Operator, int]]:
    """Every operator that reads the values of a tensor, wherever they were moved before."""
    moved = {id(tensor)}
    for operator in graph.operators:
        for index, operand in enumerate(operator.inputs):
            if operand is not None and id(operand) in moved:
                yield operator, index
                if _hands_on(operator, index):
                    moved.update(id(result) for result in operator.outputs)


def _hands_on(operator: Operator, index: int) -> bool:
    """Whether results are values of an operand, or its numbers in another type."""
    traits = traits_of(operator.code)
    values = traits.moves or traits.selects or operator.code == "CAST"
    return values and index != traits.choosing_operand


def _bound(operator: Operator, index: int) -> Values:
    bound = _BOUNDS.get((operator.code, index))
    return Values() if bound is None else bound(operator)


def _operand(operator: Operator, index: int) -> Tensor | None:
    """None where a damaged operator has too few; whatever runs it refuses it in its own words."""
    return operator.inputs[index] if index < len(operator.inputs) else None


def _rows(operator: Operator, table: int, axis: int) -> Values:
    source = _operand(operator, table)
    if source is None or not -len(source.shape) <= axis < len(source.shape):
        return Values()
    return Values(0, source.shape[axis] - 1)


def _of_gather(operator: Operator) -> Values:
    return _rows(operator, 0, getattr(operator.options, "axis", 0) or 0)


def _of_gather_nd(operator: Operator) -> Values:
    """Indices of several dimensions share one tensor: what fits the smallest fits all."""
    source, indices = _operand(operator, 0), _operand(operator, 1)
    if source is None or indices is None:
        return Values()
    depth = indices.shape[-1] if indices.shape else 1
    return Values(0, min(source.shape[:depth], default=1) - 1)


def _of_embedding_lookup(operator: Operator) -> Values:
    return _rows(operator, 1, 0)


def _of_one_hot(operator: Operator) -> Values:
    depth = _operand(operator, 1)
    if depth is None or depth.data is None or not depth.data.size:
        return Values()
    return Values(0, int(depth.data.reshape(-1)[0]) - 1)


def _of_divisor(operator: Operator) -> Values:
    divisor = _operand(operator, 1)
    grid = None if divisor is None else divisor.quantization
    return Values(without=0 if grid is None else int(grid.zero_point[0]))


def _representable(operator: Operator) -> Values:
    """Real numbers that QUANTIZE does not clip."""
    source, output = operator.inputs[0], next(iter(operator.outputs), None)
    if source is None or source.type.dtype is None or source.quantization is not None:
        return Values()
    dtype = None if output is None else output.type.dtype
    if output is None or output.quantization is None or dtype is None or dtype.kind not in "iu":
        return Values()
    return Values(*output.quantization.numbers_of(output.type))


# Operator and operand to what that may hold.
_BOUNDS: dict[tuple[str, int], Callable[[Operator], Values]] = {
    ("DIV", 1): _of_divisor,
    ("EMBEDDING_LOOKUP", 0): _of_embedding_lookup,
    ("FLOOR_DIV", 1): _of_divisor,
    ("FLOOR_MOD", 1): _of_divisor,
    ("GATHER", 1): _of_gather,
    ("GATHER_ND", 1): _of_gather_nd,
    ("ONE_HOT", 0): _of_one_hot,
    ("QUANTIZE", 0): _representable,
}
