"""Operators that go through a sequence, and what their variables mean.

A .tflite file cannot say when a state begins: interpreters keep variables between invocations until
they are reset. Here every invocation is a sequence of its own, as a layer of Keras with
stateful=False has it, and starts from zeros.
"""

from __future__ import annotations

from tfedge_converters.graph.types import Graph, Tensor

# Operators whose variables hold the state from step to step.
SEQUENCES = frozenset({"UNIDIRECTIONAL_SEQUENCE_LSTM"})


def kept_states(graph: Graph) -> list[Tensor]:
    """Variables that are more than the state within one sequence.

    They belong to another operator, to several, or are results themselves.
    """
    owner: dict[int, int] = {}
    kept = [tensor for tensor in graph.outputs if tensor.is_variable]
    for index, operator in enumerate(graph.operators):
        for tensor in operator.inputs:
            if tensor is None or not tensor.is_variable:
                continue
            first = owner.setdefault(id(tensor), index)
            if operator.code not in SEQUENCES or first != index:
                kept.append(tensor)
    return kept
