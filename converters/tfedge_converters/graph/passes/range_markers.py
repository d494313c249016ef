"""Turns range markers into annotations of the tensors that they mark."""

from __future__ import annotations

import math

from tfedge.errors import ModelFileError
from tfedge.quantization.activation_types import ACTIVATION_TYPES
from tfedge.quantization.ranges import BITS, HIGH, LOW, RANGE_MARKER
from tfedge_converters.graph.markers import (
    has_attribute,
    markers_in,
    numbers_of,
    remove_markers,
)
from tfedge_converters.graph.types import Graph, Model, Operator, Range, Tensor


def consume_range_markers(model: Model) -> None:
    """Sets `Tensor.range` and `Tensor.bits` from every `tfedge.Range`, and removes the operators.

    A marker's consumers read the tensor that it marked. If a tensor is marked more than
    once, whether in a row or side by side, the marker that runs last counts: it is the one
    closest to what reads the values. A graph output that was a marker's output becomes the
    marked tensor, under the output's name.

    Raises:
        ModelFileError: a marker is malformed, its range is empty or not finite, or there are no
            integers of its width.
    """
    for graph in model.graphs:
        marked: dict[int, Tensor] = {}
        for operator in markers_in(graph, RANGE_MARKER):
            tensor = _operand(graph, operator)
            tensor = marked.get(id(tensor), tensor)
            tensor.range = marked_range(graph, operator, LOW, HIGH)
            tensor.bits = _marked_bits(graph, operator)
            marked[id(operator.outputs[0])] = tensor
        remove_markers(model, graph, marked)


def _marked_bits(graph: Graph, operator: Operator) -> int | None:
    if not has_attribute(operator, BITS):
        return None
    (bits,) = numbers_of(graph, operator, BITS)
    if bits not in ACTIVATION_TYPES:
        raise ModelFileError(
            f"{graph.place(operator)}: activations have 8 or 16 bits, not {bits:g}"
        )
    return int(bits)


def _operand(graph: Graph, operator: Operator) -> Tensor:
    match operator.inputs, operator.outputs:
        case [Tensor() as tensor], [Tensor()]:
            return tensor
    raise ModelFileError(
        f"{graph.place(operator)}: a range marker has one input and one output, not "
        f"{len(operator.inputs)} and {len(operator.outputs)}; export the model again"
    )


def marked_range(graph: Graph, operator: Operator, low_name: str, high_name: str) -> Range:
    """The range that two attributes of a marker say.

    Raises:
        ModelFileError: they cannot be read, or are no range.
    """
    low, high = numbers_of(graph, operator, low_name, high_name)
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ModelFileError(
            f"{graph.place(operator)}: [{low}, {high}] is not a range; "
            "mark finite values with low <= high"
        )
    return Range(low, high)
