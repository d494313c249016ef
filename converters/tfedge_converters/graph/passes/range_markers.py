"""Annotations of tensors in place of range markers."""

from __future__ import annotations

from tfedge.errors import ModelFileError
from tfedge.markers.ranges import RANGE
from tfedge_converters.graph.markers import markers_in, read_marker, remove_markers
from tfedge_converters.graph.types import Graph, Model, Operator, Range, Tensor


def consume_range_markers(model: Model) -> None:
    """Set `Tensor.range` and `Tensor.bits` from every `tfedge.Range`, and remove the operators.

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
        for operator in markers_in(graph, RANGE):
            tensor = _operand(graph, operator)
            tensor = marked.get(id(tensor), tensor)
            mark = read_marker(graph, operator, RANGE)
            tensor.range, tensor.bits = Range(*mark.ends), mark.bits
            marked[id(operator.outputs[0])] = tensor
        if marked:
            remove_markers(model, graph, marked)


def _operand(graph: Graph, operator: Operator) -> Tensor:
    match operator.inputs, operator.outputs:
        case [Tensor() as tensor], [Tensor()]:
            return tensor
    raise ModelFileError(
        f"{graph.place(operator)}: a range marker has one input and one output, not "
        f"{len(operator.inputs)} and {len(operator.outputs)}; export the model again"
    )
