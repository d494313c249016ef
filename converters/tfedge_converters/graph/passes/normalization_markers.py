"""Turns markers of whole normalisations into operators, wide ones where they are quantised."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import ModelFileError
from tfedge.normalization import (
    ABOVE_ZERO,
    AXES,
    CENTERED,
    CENTERS,
    DEVIATION_NORM_MARKER,
    EPSILON,
    FACTOR,
    LAYER_NORM_MARKER,
    MEAN,
    NORMALIZED,
    RMS_NORM_MARKER,
    SCALED,
    SCALES,
    SHIFTED,
    SQUARES,
    VARIANCE,
    range_attributes,
)
from tfedge.quantization.policy import NORMALIZATION_BITS
from tfedge_converters.graph.markers import has_attribute, numbers_of
from tfedge_converters.graph.passes.range_markers import marked_range
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor, TensorType

_MARKERS = frozenset({DEVIATION_NORM_MARKER, LAYER_NORM_MARKER, RMS_NORM_MARKER})

_OPTIONS = {
    "ADD": schema.AddOptionsT,
    "MEAN": schema.ReducerOptionsT,
    "MUL": schema.MulOptionsT,
    "RSQRT": lambda: None,
    "SUB": schema.SubOptionsT,
}


def expand_normalization_markers(model: Model) -> None:
    """Makes every marked normalisation a sequence of operators, in place.

    Everything between operand and result is to be of the width that the policy says, and has no
    range yet, but for what range markers said of the result.

    Raises:
        ModelFileError: a marker's tensors or attributes are not those of a normalisation.
    """
    for graph in model.graphs:
        operators: list[Operator] = []
        for operator in graph.operators:
            if operator.custom_name in _MARKERS:
                operators += _expanded(graph, operator)
            else:
                operators.append(operator)
        graph.operators = operators


def _expanded(graph: Graph, marker: Operator) -> list[Operator]:
    x, result, scale, offset, axes, epsilon = _parts(graph, marker)
    make = WideSequence(graph, marker, result)
    row = (*x.shape[: len(x.shape) - axes], *[1] * axes)
    dimensions = make.constant("axes", np.arange(len(x.shape) - axes, len(x.shape), dtype=np.int32))
    centered = x
    if marker.custom_name != RMS_NORM_MARKER:
        mean = make("MEAN", MEAN, [x, dimensions], row)
        centered = make("SUB", CENTERED, [x, mean], x.shape)
    squares = make("MUL", SQUARES, [centered, centered], x.shape)
    variance = make("MEAN", VARIANCE, [squares, dimensions], row)
    smallest = make.constant("epsilon", np.float32(epsilon))
    factor = make("RSQRT", FACTOR, [make("ADD", ABOVE_ZERO, [variance, smallest], row)], row)
    divided = x if marker.custom_name == DEVIATION_NORM_MARKER else centered
    y = make("MUL", NORMALIZED, [divided, factor], x.shape)
    if scale is not None:
        y = make("MUL", SCALED, [y, scale], x.shape)
    if offset is not None:
        make("ADD", SHIFTED, [y, offset], x.shape)
    return make.ending_with(result)


def _parts(
    graph: Graph, marker: Operator
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None, int, float]:
    """Operand, result, scale and offset, number of axes, and epsilon."""
    epsilon, count, scales, centers = numbers_of(graph, marker, EPSILON, AXES, SCALES, CENTERS)
    axes = int(count)
    match marker.inputs, marker.outputs:
        case [Tensor() as x, *rest], [Tensor() as result] if (
            x.shape == result.shape
            and 1 <= axes <= len(x.shape)
            and 0 < epsilon < np.inf
            and len(rest) == bool(scales) + bool(centers)
            and all(t is not None and t.shape == x.shape[len(x.shape) - axes :] for t in rest)
            and all(t is not None and t.type == TensorType.FLOAT32 for t in (x, result, *rest))
        ):
            given = iter(rest)
            scale = next(given) if scales else None
            offset = next(given) if centers else None
            return x, result, scale, offset, axes, epsilon
    raise ModelFileError(
        f"{graph.place(marker)}: a normalisation keeps the shape of its operand, and has a scale "
        "and an offset of the shape of its last dimensions; export the model again"
    )


class WideSequence:
    """Makes operators with one result each, in the width of normalisations.

    They are named after what the whole sequence computes.
    """

    def __init__(self, graph: Graph, marker: Operator | None, result: Tensor):
        """`marker`: knows ranges of parts, if it is given."""
        self._graph, self._marker, self._result = graph, marker, result
        self._operators: list[Operator] = []

    def __call__(
        self, code: str, part: str, operands: list[Tensor], shape: tuple[int, ...]
    ) -> Tensor:
        """The result of a new operator, with the range that the marker gives the part."""
        name = f"{self._result.name}/{part}"
        made = Tensor(name, shape, TensorType.FLOAT32, bits=NORMALIZATION_BITS)
        marker = self._marker
        if marker is not None and has_attribute(marker, range_attributes(part)[0]):
            made.range = marked_range(self._graph, marker, *range_attributes(part))
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
