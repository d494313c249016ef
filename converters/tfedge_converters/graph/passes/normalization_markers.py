"""Operators in place of markers of whole normalisations, wide ones where they are quantised."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import ModelFileError
from tfedge.markers.normalization import (
    ABOVE_ZERO,
    CENTERED,
    DEVIATION_NORM,
    FACTOR,
    MEAN,
    NORMALIZATIONS,
    NORMALIZED,
    RMS_NORM,
    SCALED,
    SHIFTED,
    SQUARES,
    VARIANCE,
    NormalizationMark,
)
from tfedge.quantization.policy import NORMALIZATION_BITS
from tfedge_converters.graph.markers import read_marker
from tfedge_converters.graph.types import Graph, Model, Operator, Range, Tensor, TensorType

_OPTIONS = {
    "ADD": schema.AddOptionsT,
    "MEAN": schema.ReducerOptionsT,
    "MUL": schema.MulOptionsT,
    "RSQRT": lambda: None,
    "SUB": schema.SubOptionsT,
}


def expand_normalization_markers(model: Model) -> None:
    """Make every marked normalisation a sequence of operators, in place.

    Everything between operand and result is to be of the width that the policy says, and has no
    range yet, but for what range markers said of the result.

    Raises:
        ModelFileError: a marker's tensors or attributes are not those of a normalisation.
    """
    for graph in model.graphs:
        operators: list[Operator] = []
        for operator in graph.operators:
            if operator.custom_name in NORMALIZATIONS:
                operators += _expanded(graph, operator)
            else:
                operators.append(operator)
        graph.operators = operators


def _expanded(graph: Graph, marker: Operator) -> list[Operator]:
    kind = NORMALIZATIONS[marker.custom_name]
    mark = read_marker(graph, marker, kind)
    x, result, scale, offset = _tensors(graph, marker, mark)
    axes = mark.axes
    make = Int16Sequence(result, mark.ranges)
    row = (*x.shape[: len(x.shape) - axes], *[1] * axes)
    dimensions = make.constant("axes", np.arange(len(x.shape) - axes, len(x.shape), dtype=np.int32))
    centered = x
    if kind is not RMS_NORM:
        mean = make("MEAN", MEAN, [x, dimensions], row)
        centered = make("SUB", CENTERED, [x, mean], x.shape)
    squares = make("MUL", SQUARES, [centered, centered], x.shape)
    variance = make("MEAN", VARIANCE, [squares, dimensions], row)
    smallest = make.constant("epsilon", np.float32(mark.epsilon))
    factor = make("RSQRT", FACTOR, [make("ADD", ABOVE_ZERO, [variance, smallest], row)], row)
    divided = x if kind is DEVIATION_NORM else centered
    y = make("MUL", NORMALIZED, [divided, factor], x.shape)
    if scale is not None:
        y = make("MUL", SCALED, [y, scale], x.shape)
    if offset is not None:
        make("ADD", SHIFTED, [y, offset], x.shape)
    return make.ending_with(result)


def _tensors(
    graph: Graph, marker: Operator, mark: NormalizationMark
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Operand, result, scale and offset."""
    match marker.inputs, marker.outputs:
        case [Tensor() as x, *rest], [Tensor() as result] if (
            x.shape == result.shape
            and mark.axes <= len(x.shape)
            and len(rest) == mark.scales + mark.centers
            and all(t is not None and t.shape == x.shape[len(x.shape) - mark.axes :] for t in rest)
            and all(t is not None and t.type == TensorType.FLOAT32 for t in (x, result, *rest))
        ):
            given = iter(rest)
            scale = next(given) if mark.scales else None
            offset = next(given) if mark.centers else None
            return x, result, scale, offset
    raise ModelFileError(
        f"{graph.place(marker)}: a normalisation keeps the shape of its operand, and has a scale "
        "and an offset of the shape of its last dimensions; export the model again"
    )


class Int16Sequence:
    """Sequence of operators with one result each, in the width of normalisations.

    They are named after what the whole sequence computes.
    """

    def __init__(self, result: Tensor, ranges: Mapping[str, tuple[float, float]]):
        """`ranges`: of parts, those that are known."""
        self._result, self._ranges = result, ranges
        self._operators: list[Operator] = []

    def __call__(
        self, code: str, part: str, operands: list[Tensor], shape: tuple[int, ...]
    ) -> Tensor:
        """The result of a new operator, with the range that is known of the part."""
        name = f"{self._result.name}/{part}"
        made = Tensor(name, shape, TensorType.FLOAT32, bits=NORMALIZATION_BITS)
        if part in self._ranges:
            made.range = Range(*self._ranges[part])
        options = _OPTIONS[code]()
        if code == "MEAN":
            options.keepDims = True
        self._operators.append(
            Operator(code, [*operands], [made], options, bits=NORMALIZATION_BITS)
        )
        return made

    def constant(self, name: str, value: np.ndarray | np.generic) -> Tensor:
        """A constant operand."""
        data = np.asarray(value)
        type_ = TensorType.INT32 if data.dtype == np.int32 else TensorType.FLOAT32
        return Tensor(f"{self._result.name}/{name}", data.shape, type_, data=data)

    def ending_with(self, result: Tensor) -> list[Operator]:
        """The operators, of which the last one makes `result`."""
        self._operators[-1].outputs = [result]
        return self._operators
