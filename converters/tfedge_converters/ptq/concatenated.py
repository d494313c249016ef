"""Which elements of a tensor come from which branch of the concatenation that they went through.

Noise over a whole tensor hides what happens to the smaller of two branches on one grid: scores
between 0 and 1 beside coordinates of hundreds of pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfedge_converters.graph import Graph, Operator, Tensor, TensorType
from tfedge_converters.graph.evaluation import evaluate
from tfedge_converters.graph.layers import layer_names
from tfedge_converters.graph.operator_traits import traits_of

_UNKNOWN = 0


@dataclass(frozen=True, eq=False)
class Branch:
    """One operand of a concatenation, as it arrives at a tensor behind it.

    Attributes:
        name: of what made the operand, before it was reshaped; see `graph.layers.layer_names`.
        elements: places of its elements in the tensor, which is flattened.
    """

    name: str
    elements: np.ndarray


def branches(graph: Graph, tensors: Sequence[Tensor]) -> list[list[Branch]]:
    """The branches of each of some tensors of a float graph; none where nothing is concatenated.

    Between a concatenation and the tensor there may be operators that move elements or compute
    each by itself, as RESHAPE and LOGISTIC; branches of concatenations in a row are those of the
    first.
    """
    followed = _Labels(graph, tensors)
    return [followed.branches(tensor) for tensor in tensors]


class _Labels:
    """A number for each element of a tensor: that of its branch."""

    def __init__(self, graph: Graph, tensors: Sequence[Tensor]):
        self._names = layer_names(graph)
        self._makers = {id(t): operator for operator in graph.operators for t in operator.outputs}
        self._labels: dict[int, np.ndarray] = {}
        self._operands: list[Tensor] = []
        for operator in _passed_last(graph, tensors):
            for result, labels in zip(operator.outputs, self._followed(operator), strict=False):
                self._labels[id(result)] = labels

    def branches(self, tensor: Tensor) -> list[Branch]:
        labels = self._labels.get(id(tensor))
        if labels is None:
            return []
        found = [
            Branch(self._name(operand), np.flatnonzero(labels == number))
            for number, operand in enumerate(self._operands, _UNKNOWN + 1)
        ]
        found = [branch for branch in found if branch.elements.size]
        return found if len(found) > 1 else []

    def _name(self, operand: Tensor) -> str:
        maker = self._makers.get(id(operand))
        while maker is not None and _rearranges(maker) and maker.inputs[0] is not None:
            operand = maker.inputs[0]
            maker = self._makers.get(id(operand))
        return self._names.get(id(operand), operand.name)

    def _followed(self, operator: Operator) -> list[np.ndarray]:
        known = [id(tensor) in self._labels for tensor in operator.inputs]
        if not traits_of(operator.code).joins and not any(known):
            return []
        if traits_of(operator.code).element_wise:
            return self._element_wise(operator)
        operands = [self._as_labels(operator, tensor) for tensor in operator.inputs]
        results = [
            dataclasses.replace(tensor, type=TensorType.INT32, quantization=None)
            for tensor in operator.outputs
        ]
        moved = dataclasses.replace(operator, inputs=operands, outputs=results)
        return evaluate(moved) or []

    def _element_wise(self, operator: Operator) -> list[np.ndarray]:
        """Those of the first operand, if nothing but constants is mixed in or spread out."""
        (result,) = operator.outputs
        computed = [tensor for tensor in operator.inputs if tensor and not tensor.is_constant]
        labels = [self._labels[id(tensor)] for tensor in computed if id(tensor) in self._labels]
        if len(labels) < len(computed) or labels[0].shape != result.shape:
            return []
        return labels[:1]

    def _as_labels(self, operator: Operator, tensor: Tensor | None) -> Tensor | None:
        """Return an operand's labels, or the new operand, if it has elements that move."""
        if tensor is None or (tensor.is_constant and not traits_of(operator.code).joins):
            return tensor
        if id(tensor) not in self._labels:
            self._operands.append(tensor)
            self._labels[id(tensor)] = np.full(tensor.shape, len(self._operands), np.int32)
        return Tensor(tensor.name, tensor.shape, TensorType.INT32, data=self._labels[id(tensor)])


def _rearranges(operator: Operator) -> bool:
    return traits_of(operator.code).is_view or operator.code == "TRANSPOSE"


def _passed_last(graph: Graph, tensors: Sequence[Tensor]) -> list[Operator]:
    """The operators that elements of the tensors went through unmixed, back to what joined them."""
    wanted = {id(tensor) for tensor in tensors}
    found = []
    for operator in reversed(graph.operators):
        traits = traits_of(operator.code)
        if not traits.element_wise and not traits.moves:
            continue
        if wanted.intersection(map(id, operator.outputs)):
            found.append(operator)
            wanted.update(map(id, operator.inputs))
    joins = [place for place, operator in enumerate(found) if traits_of(operator.code).joins]
    return found[joins[-1] :: -1] if joins else []
