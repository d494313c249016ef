"""Repair of what Keras does to additions that happen to look like a bias at batch 1."""

from __future__ import annotations

from tfedge_converters.graph import Graph, Model, Operator


def restore_addends(model: Model) -> None:
    """Let an ADD read [1, c] where Keras 3 squeezed it to [c].

    Keras 3 computes x + y as tf.nn.bias_add(x, squeeze(y)) if all sizes of y but the last
    are 1, which at batch 1 is so for every vector. Broadcasting gives the same sums without
    the RESHAPE.
    """
    for graph in model.graphs:
        makers = {id(operator.outputs[0]): operator for operator in graph.operators}
        for operator in graph.operators:
            if operator.code == "ADD":
                _read_unsqueezed(operator, makers)
        _drop_unread_reshapes(graph, makers)


def _read_unsqueezed(add: Operator, makers: dict[int, Operator]) -> None:
    first, second = add.inputs
    maker = makers.get(id(second))
    if first is not None and second is not None and maker is not None and _squeezes(maker):
        source = maker.inputs[0]
        if source is not None and len(source.shape) <= len(first.shape):
            add.inputs = [first, source]


def _squeezes(operator: Operator) -> bool:
    """Whether an operator does nothing but drop leading sizes of 1."""
    source = operator.inputs[0]
    if operator.code != "RESHAPE" or source is None:
        return False
    (result,) = operator.outputs
    return source.shape == (1,) * (len(source.shape) - len(result.shape)) + result.shape


def _drop_unread_reshapes(graph: Graph, makers: dict[int, Operator]) -> None:
    read = {id(tensor) for operator in graph.operators for tensor in operator.inputs}
    read |= {id(tensor) for tensor in graph.outputs}
    unread = {
        id(operator)
        for result, operator in makers.items()
        if result not in read and _squeezes(operator)
    }
    graph.operators = [operator for operator in graph.operators if id(operator) not in unread]
