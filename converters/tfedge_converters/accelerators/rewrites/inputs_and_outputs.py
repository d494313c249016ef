"""Changes of what a model takes and gives.

Each takes a graph and one of its operators, changes the graph in place and says whether it could.
"""

from __future__ import annotations

import dataclasses

from tfedge_converters.graph.making import replace
from tfedge_converters.graph.types import Graph, Operator, Tensor, TensorType

_INTEGERS = (TensorType.INT8, TensorType.UINT8)


def take_integers(graph: Graph, operator: Operator) -> bool:
    """Drop QUANTIZE of float inputs and DEQUANTIZE of outputs."""
    match operator:
        case Operator(code="QUANTIZE", inputs=[Tensor() as real], outputs=[integer]) if (
            integer.type in _INTEGERS and any(real is end for end in graph.inputs)
        ):
            readers = [item for item in graph.operators if any(real is t for t in item.inputs)]
            if len(readers) > 1:
                return False
            graph.inputs = [integer if end is real else end for end in graph.inputs]
        case Operator(code="DEQUANTIZE", inputs=[Tensor() as integer], outputs=[real]) if (
            integer.type in _INTEGERS and any(real is end for end in graph.outputs)
        ):
            if any(real is tensor for item in graph.operators for tensor in item.inputs):
                return False
            graph.outputs = [integer if end is real else end for end in graph.outputs]
        case _:
            return False
    replace(graph, operator, [])
    return True


def cut_before(graph: Graph, operator: Operator) -> bool:
    """End the graph before an operator: what needs its results is left out too.

    Not where nothing would be left.
    """
    gone, lost = _behind(graph, operator)
    kept = [item for item in graph.operators if id(item) not in gone]
    if not kept:
        return False
    made = {id(t) for item in kept for t in item.outputs}
    needed = {
        id(t): t
        for item in graph.operators
        if id(item) in gone
        for t in item.inputs
        if t is not None and id(t) in made
    }
    left = [tensor for tensor in graph.outputs if id(tensor) not in lost]
    graph.outputs = list({id(t): t for t in (*left, *needed.values())}.values())
    graph.operators = kept
    return True


def _behind(graph: Graph, operator: Operator) -> tuple[set[int], set[int]]:
    """The ids of an operator and of all that need its results, and of these results."""
    gone, lost = {id(operator)}, {id(t) for t in operator.outputs}
    for item in graph.operators:
        if id(item) not in gone and any(id(t) in lost for t in item.inputs):
            gone.add(id(item))
            lost.update(id(t) for t in item.outputs)
    return gone, lost


def take_one_sample(graph: Graph, operator: Operator) -> bool:
    """Give every activation a batch of 1, where all have the batch of the first input."""
    batch = graph.inputs[0].shape[0] if graph.inputs and graph.inputs[0].shape else 1
    activations = [t for t in graph.tensors() if not t.is_constant and t.shape]
    if batch == 1 or any(t.shape[0] != batch for t in activations):
        return False
    single = {
        id(t): dataclasses.replace(t, shape=(1, *t.shape[1:]), shape_signature=None)
        for t in activations
    }
    graph.inputs = [single.get(id(t), t) for t in graph.inputs]
    graph.outputs = [single.get(id(t), t) for t in graph.outputs]
    for item in graph.operators:
        item.inputs = [None if t is None else single.get(id(t), t) for t in item.inputs]
        item.outputs = [single.get(id(t), t) for t in item.outputs]
    return True
