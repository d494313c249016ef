"""How much an interpreter has to do for a sample, as far as that can be known before it runs."""

from __future__ import annotations

import math
from collections.abc import Iterable

from tfedge_converters.accelerators.work import macs
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor

# A value costs more than a product: it is read and written, and may be the exp of something.
_PRODUCTS_A_VALUE = 16
# How often other graphs are run, such as the body of a loop, whose end only values decide.
_RUNS_OF_OTHERS = 1000
# What compares all pairs of its boxes.
_OF_PAIRS = ("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5")


def work(model: Model) -> int:
    """Estimate from above what a sample takes, in products.

    Args:
        model: whose shapes say how much there is.
    """
    main, *others = model.graphs
    return _of_graph(main) + _RUNS_OF_OTHERS * sum(map(_of_graph, others))


def _of_graph(graph: Graph) -> int:
    return sum(map(_of_operator, graph.operators))


def _of_operator(operator: Operator) -> int:
    values = _values(operator.inputs) + _values(operator.outputs)
    if operator.code in _OF_PAIRS:
        values *= values
    return macs(operator) + _window(operator) * _values(operator.outputs) + values


def _values(tensors: Iterable[Tensor | None]) -> int:
    """Values of tensors, as products."""
    return _PRODUCTS_A_VALUE * sum(math.prod(tensor.shape) for tensor in tensors if tensor)


def _window(operator: Operator) -> int:
    """Elements that each value of a pooling is made of; 0 of other operators."""
    options = operator.options
    return int(getattr(options, "filterHeight", 0)) * int(getattr(options, "filterWidth", 0))
