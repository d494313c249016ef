"""Annotations of tensors in place of range markers."""

from __future__ import annotations

import dataclasses

from tfedge.errors import ModelFileError
from tfedge.markers.ranges import RANGE
from tfedge_converters.graph.markers import markers_in, read_marker, remove_markers
from tfedge_converters.graph.passes.purity import is_pure
from tfedge_converters.graph.types import Graph, Model, Operator, Range, Tensor


def consume_range_markers(model: Model) -> None:
    """Set `Tensor.range` and `Tensor.bits` from every `tfedge.Range`, and remove the operators.

    A marker's consumers read the tensor that it marked. If a tensor is marked more than once in a
    row, the marker that runs last counts: it is the one closest to what reads the values. Marked
    side by side, as where TensorFlow merged two equal operators, it is computed for each marker,
    for their grids may come to differ even if the ranges do not; an input, or what cannot be
    computed twice, has what the last one says. A graph output that was a marker's output becomes
    the marked tensor, under the output's name.

    Raises:
        ModelFileError: a marker is malformed, its range is empty or not finite, or there are no
            integers of its width.
    """
    for graph in model.graphs:
        marks = _Marks(graph)
        for operator in markers_in(graph, RANGE):
            marks.apply(operator)
        if marks.marked:
            graph.operators = marks.operators()
            remove_markers(model, graph, marks.marked)


class _Marks:
    """Reader of a graph's markers, one after the other.

    Attributes:
        marked: for every marker so far, what it marked, by the identity of the marker's output.
    """

    def __init__(self, graph: Graph):
        self._graph = graph
        self._makers = {
            id(tensor): operator for operator in graph.operators for tensor in operator.outputs
        }
        # By the identity of the original.
        self._copies: dict[int, list[Operator]] = {}
        self._sources: set[int] = set()
        self.marked: dict[int, Tensor] = {}

    def apply(self, operator: Operator) -> None:
        """Let the tensor that a marker marks, or a copy of it, have what the marker says."""
        source = _operand(self._graph, operator)
        mark = read_marker(self._graph, operator, RANGE)
        tensor = self.marked.get(id(source))
        if tensor is None:
            tensor = self._unmarked(source)
            operator.inputs = [tensor]
        tensor.range, tensor.bits = Range(*mark.ends), mark.bits
        self.marked[id(operator.outputs[0])] = tensor

    def operators(self) -> list[Operator]:
        """The graph's operators, each with its copies behind it."""
        return [
            each
            for operator in self._graph.operators
            for each in (operator, *self._copies.get(id(operator), ()))
        ]

    def _unmarked(self, source: Tensor) -> Tensor:
        """A tensor of these values that no marker has marked, if there may be one."""
        if id(source) not in self._sources:
            self._sources.add(id(source))
            return source
        maker = self._makers.get(id(source))
        if maker is None or not is_pure(maker) or len(maker.outputs) > 1:
            return source
        copies = self._copies.setdefault(id(maker), [])
        tensor = dataclasses.replace(source, name=f"{source.name}_{len(copies) + 1}")
        copies.append(dataclasses.replace(maker, inputs=list(maker.inputs), outputs=[tensor]))
        return tensor


def _operand(graph: Graph, operator: Operator) -> Tensor:
    match operator.inputs, operator.outputs:
        case [Tensor() as tensor], [Tensor()]:
            return tensor
    raise ModelFileError(
        f"{graph.place(operator)}: a range marker has one input and one output, not "
        f"{len(operator.inputs)} and {len(operator.outputs)}; export the model again"
    )
