"""Operators that go through a sequence, and what their variables mean.

A .tflite file cannot say when a state begins: interpreters keep variables between invocations until
they are reset. Here an invocation is a sequence of its own, as a layer of Keras with stateful=False
has it, and starts from zeros; unless its variables keep their state (`Tensor.keeps_state`): then
it goes on where the invocation before ended, until the caller says that a new sequence begins. In
a file, the metadata entry KEEPS_STATE is a JSON list of such variables' names.
"""

from __future__ import annotations

from tfedge.errors import UnsupportedError
from tfedge_converters.graph.types import Graph, Tensor

KEEPS_STATE = "tfedge.keeps_state"

# Operators whose variables hold the state from step to step.
SEQUENCES = frozenset({"UNIDIRECTIONAL_SEQUENCE_LSTM"})


def foreign_states(graph: Graph) -> list[Tensor]:
    """Variables that are more than the state of one operator of a sequence.

    They belong to another operator, to several, or are results themselves.
    """
    owner: dict[int, int] = {}
    foreign = [tensor for tensor in graph.outputs if tensor.is_variable]
    for index, operator in enumerate(graph.operators):
        for tensor in operator.inputs:
            if tensor is None or not tensor.is_variable:
                continue
            first = owner.setdefault(id(tensor), index)
            if operator.code not in SEQUENCES or first != index:
                foreign.append(tensor)
    return foreign


def keeps_state(graph: Graph) -> bool:
    """Whether an invocation goes on where the one before ended.

    Raises:
        UnsupportedError: some variables keep their state and others do not; interpreters keep
            or reset them all.
    """
    kept = {tensor.keeps_state: tensor for tensor in graph.tensors() if tensor.is_variable}
    if len(kept) > 1:
        raise UnsupportedError(
            f"'{kept[True].name}' is kept between invocations, '{kept[False].name}' is not, but "
            "interpreters reset all states at once: make all LSTM layers stateful, or none"
        )
    return True in kept
