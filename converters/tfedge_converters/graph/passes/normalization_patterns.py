"""Search for normalisations by the Euclidean norm, which are computed in 16 bits then.

x * rsqrt(sum(x * x)), x / sqrt(sum(x * x)) and what keeps them from dividing by 0. 8 bits hold
neither the squares nor the reciprocal roots; where rows of zeros are allowed, these roots have
ranges that no integers cover.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tfedge.markers.normalization import ABOVE_ZERO, FACTOR, NORMALIZED, SCALED, SQUARES, VARIANCE
from tfedge_converters.graph.passes.dead_operators import remove_dead_operators
from tfedge_converters.graph.passes.normalization_markers import Int16Sequence
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor, TensorType

# What float32 can tell from 0 as a mean of squares.
_LEAST_EPSILON = 1e-30

# How a limit of one quantity is one of the sum of squares.
_LIMITS_OF_SUM = {
    ("SQRT", "MAXIMUM"): lambda limit: limit**2,
    ("RSQRT", "MINIMUM"): lambda limit: limit**-2,
}


@dataclass(frozen=True)
class _Normalization:
    """Normalisation that a sequence of operators computes.

    Attributes:
        x: the operand.
        axes: the dimensions that are summed up.
        least: about the least sum of squares that counts.
    """

    x: Tensor
    axes: np.ndarray
    least: float


def widen_normalizations(model: Model) -> bool:
    """Write normalisations by the Euclidean norm as operators of 16 bits, in place.

    The mean of squares takes the place of the sum, as interpreters disagree about sums; what keeps
    the norm from 0 is added. Normalisations with a range inside stay as training has them.

    Returns:
        Whether there was one.
    """
    changed = [_widen(graph) for graph in model.graphs]
    if any(changed):
        remove_dead_operators(model)
    return any(changed)


def _widen(graph: Graph) -> bool:
    find = _Finder(graph)
    written = [(operator, find.normalization(operator)) for operator in graph.operators]
    graph.operators = [
        part
        for operator, found in written
        for part in ([operator] if found is None else _wide(graph, operator, found))
    ]
    return any(found is not None for _, found in written)


def _wide(graph: Graph, operator: Operator, found: _Normalization) -> list[Operator]:
    (result,), x = operator.outputs, found.x
    make = Int16Sequence(result, {})
    row = tuple(1 if axis in found.axes else size for axis, size in enumerate(x.shape))
    count = math.prod(x.shape[axis] for axis in found.axes)
    epsilon = make.constant("epsilon", np.float32(max(found.least / count, _LEAST_EPSILON)))
    squares = make("MUL", SQUARES, [x, x], x.shape)
    mean = make("MEAN", VARIANCE, [squares, make.constant("axes", found.axes)], row)
    factor = make("RSQRT", FACTOR, [make("ADD", ABOVE_ZERO, [mean, epsilon], row)], row)
    normalized = make("MUL", NORMALIZED, [x, factor], x.shape)
    scale = make.constant("scale", np.float32(count**-0.5))
    make("MUL", SCALED, [normalized, scale], x.shape)
    return make.ending_with(result)


class _Finder:
    """Search from operands to what makes them."""

    def __init__(self, graph: Graph):
        self._makers = {id(tensor): item for item in graph.operators for tensor in item.outputs}

    def normalization(self, operator: Operator) -> _Normalization | None:
        """Match the normalisation that an operator ends, if it ends one."""
        if getattr(operator.options, "fusedActivationFunction", 0):
            return None
        match operator.code, operator.inputs:
            case "MUL", [Tensor() as x, Tensor() as factor]:
                return self._by(x, factor, "RSQRT") or self._by(factor, x, "RSQRT")
            case "DIV", [Tensor() as x, Tensor() as norm]:
                return self._by(x, norm, "SQRT")
        return None

    def _by(self, x: Tensor, factor: Tensor, root: str) -> _Normalization | None:
        """x, normalised by a root of its sum of squares, which may have a limit."""
        least = 0.0
        maker = self._maker(factor)
        for limit_code in ("MAXIMUM", "MINIMUM"):
            to_sum = _LIMITS_OF_SUM.get((root, limit_code))
            if maker is not None and maker.code == limit_code and to_sum is not None:
                limit, inner = _limited(maker)
                if limit is None or inner is None or limit <= 0:
                    return None
                least, maker = to_sum(limit), self._maker(inner)
        if maker is None or maker.code != root:
            return None
        (source,) = maker.inputs
        maker = self._maker(source)
        if maker is not None and maker.code in ("MAXIMUM", "ADD"):
            limit, source = _limited(maker)
            if limit is None or limit <= 0:
                return None
            least, maker = max(least, limit), self._maker(source)
        axes = None if maker is None else self._squared_sum(maker, x)
        return None if axes is None else _Normalization(x, axes, least)

    def _squared_sum(self, operator: Operator, x: Tensor) -> np.ndarray | None:
        """The axes along which an operator sums x * x."""
        match operator.code, operator.inputs:
            case "SUM", [Tensor() as squares, Tensor(data=np.ndarray() as axes)] if (
                operator.options is not None and operator.options.keepDims
            ):
                square = self._maker(squares)
            case _:
                return None
        if square is None or square.code != "MUL" or any(t is not x for t in square.inputs):
            return None
        return np.unique(axes.reshape(-1) % len(x.shape)).astype(np.int32)

    def _maker(self, tensor: Tensor | None) -> Operator | None:
        """Return the operator that makes a float tensor which nobody needs as integers."""
        if tensor is None or tensor.type != TensorType.FLOAT32 or tensor.range is not None:
            return None
        return self._makers.get(id(tensor))


def _limited(operator: Operator) -> tuple[float | None, Tensor | None]:
    """The single constant among two operands, and the other one."""
    match operator.inputs:
        case [Tensor(data=np.ndarray() as limit), Tensor(data=None) as other]:
            pass
        case [Tensor(data=None) as other, Tensor(data=np.ndarray() as limit)]:
            pass
        case _:
            return None, None
    return (float(limit.reshape(())), other) if limit.size == 1 else (None, None)
