"""Operators that go through a sequence, and what their variables mean.

A .tflite file cannot say when a state begins: interpreters keep variables between invocations until
they are reset. Here an invocation is a sequence of its own, as a layer of Keras with stateful=False
has it, and starts from zeros; unless its variables keep their state (`Tensor.keeps_state`): then
it goes on where the invocation before ended, until the caller says that a new sequence begins. In
a file, the metadata entry KEEPS_STATE is a JSON list of such variables' names. SVDF computes one
step of a sequence, so that its state is always kept, and no entry says so.

A layer without an operator of its own, such as a GRU, keeps its state in a *memory*: a variable
that a SLICE of all of it reads before the first step, and another writes after the last one.
Interpreters run operators in order, so what is read is what the invocation before has written. (Of
other operators that change nothing, LiteRT lets the result have its operand's memory, and then a
variable has none of its own.)
"""

from __future__ import annotations

from dataclasses import dataclass

from tfedge.errors import UnsupportedError
from tfedge_converters.graph import svdf_operands
from tfedge_converters.graph.types import Graph, Operator, Tensor

KEEPS_STATE = "tfedge.keeps_state"

# Operators whose variables hold the state from step to step.
SEQUENCES = frozenset({"SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM"})

# Of those that go one step an invocation, where they have their state: it always stays.
_ONE_STEP = {"SVDF": svdf_operands.STATE}

# What reads and writes a memory.
_MOVES = "SLICE"


@dataclass(frozen=True, eq=False)
class Memory:
    """A variable that goes from one invocation to the next.

    Attributes:
        state: the variable.
        before: what it held before the invocation, as an activation.
        after: what it holds from then on.
    """

    state: Tensor
    before: Tensor
    after: Tensor


def touches_memory(operator: Operator) -> bool:
    """Whether an operator does nothing but read or write a memory."""
    if operator.code != _MOVES or not (operator.inputs and operator.outputs):
        return False
    return any(t is not None and t.is_variable for t in (*operator.inputs[:1], *operator.outputs))


def memories(graph: Graph) -> list[Memory]:
    """The memories of a graph: those that one operator reads, and a later one writes."""
    read: dict[int, list[Tensor]] = {}
    found: dict[int, list[Memory]] = {}
    for operator in filter(touches_memory, graph.operators):
        (source, *_), (result, *_) = operator.inputs, operator.outputs
        if source is None or (source.is_variable and result.is_variable):
            continue
        if source.is_variable:
            read.setdefault(id(source), []).append(result)
            # Read after it was written.
            found.pop(id(source), None)
        elif len(read.get(id(result), [])) == 1:
            (before,) = read[id(result)]
            found.setdefault(id(result), []).append(Memory(result, before, source))
    return [
        each[0]
        for each in found.values()
        if len(each) == 1 and each[0].state.keeps_state and _is_moved_as_it_is(each[0])
    ]


def _is_moved_as_it_is(memory: Memory) -> bool:
    tensors = memory.before, memory.state, memory.after
    return memory.after.data is None and len({(t.type, t.elements) for t in tensors}) == 1


def always_kept(graph: Graph) -> list[Tensor]:
    """The variables of operators that compute one step, which would be for nothing without them."""
    states = [
        operator.inputs[_ONE_STEP[operator.code]]
        for operator in graph.operators
        if len(operator.inputs) > _ONE_STEP.get(operator.code, len(operator.inputs))
    ]
    return [tensor for tensor in states if tensor is not None and tensor.is_variable]


def foreign_states(graph: Graph) -> list[Tensor]:
    """Variables that are more than the state of one operator of a sequence, and no memory.

    They belong to another operator, to several, or are results themselves.
    """
    owner: dict[int, int] = {}
    known = {id(memory.state) for memory in memories(graph)}
    foreign = [tensor for tensor in graph.outputs if tensor.is_variable]
    foreign += [
        tensor
        for operator in graph.operators
        for tensor in operator.outputs
        if tensor.is_variable and id(tensor) not in known
    ]
    for index, operator in enumerate(graph.operators):
        if touches_memory(operator):
            foreign += [
                t for t in operator.inputs if t is not None and t.is_variable and id(t) not in known
            ]
            continue
        for tensor in operator.inputs:
            if tensor is None or not tensor.is_variable:
                continue
            first = owner.setdefault(id(tensor), index)
            if operator.code not in SEQUENCES or first != index:
                foreign.append(tensor)
    return foreign


def state_in_words(graph: Graph, state: Tensor) -> str:
    """A variable by its name, or by the operator that has it: converters leave names out."""
    if state.name:
        return f"'{state.name}'"
    for operator in graph.operators:
        if any(tensor is state for tensor in (*operator.inputs, *operator.outputs)):
            return f"a variable of {graph.place(operator)}"
    return "a variable"


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
            "interpreters reset all states at once: make all recurrent layers stateful, or none"
        )
    return True in kept
