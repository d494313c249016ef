"""Resource variables as memories: what Keras and TensorFlow models keep between invocations.

A file names such a variable in a VAR_HANDLE, reads it by READ_VARIABLE, writes it by
ASSIGN_VARIABLE, and has a graph of its own for the values that it begins with, which CALL_ONCE
runs. Here each becomes a variable that one SLICE reads and a later one writes, see
`graph/sequences.py`: quantiser, generated C and interpreters know how to keep that, and a reset
begins with the same values again, which TFLite Micro's reset of resource variables does not.

Where a variable begins with other values than zeros, a second memory says whether there was an
invocation before, and a SELECT_V2 takes the first values if there was none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph.making import reshape, slice_of
from tfedge_converters.graph.operator_checks import options_of
from tfedge_converters.graph.types import Graph, Model, Operator, Tensor, TensorType

_HANDLE, _READ, _ASSIGN, _ONCE = "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"
_RESOURCES = frozenset({_HANDLE, _READ, _ASSIGN, _ONCE})

# SLICE takes no scalars, and no more dimensions.
_SLICED_RANKS = range(1, 6)

_Key = tuple[bytes, bytes]


def has_resources(graphs: Iterable[Graph]) -> bool:
    """Whether a model of these graphs keeps values in resource variables."""
    operators = (operator for graph in graphs for operator in graph.operators)
    return any(operator.code in _RESOURCES for operator in operators)


def write_resources_as_memories(model: Model) -> bool:
    """Put memories in the place of a model's resource variables, in place.

    A model is left alone if it does with them what memories cannot: if it has them in other graphs
    than its first and those that CALL_ONCE runs, begins with values that are computed, gives a
    variable values of several shapes or types, or assigns a constant.

    Returns:
        Whether there were any, and are none now.

    Raises:
        ModelFileError: an operator's options belong to another.
    """
    if not has_resources(model.graphs):
        return False
    once = [operator for operator in model.main.operators if operator.code == _ONCE]
    indices = [options_of(model.main, operator).initSubgraphIndex for operator in once]
    begins = [model.graphs[index] for index in indices if 0 < index < len(model.graphs)]
    known = {id(graph) for graph in (model.main, *begins)}
    if len(begins) != len(once) or len(known) != len(model.graphs):
        return False
    first = _first_values(begins)
    variables = None if first is None else _variables(model.main, first)
    if variables is None:
        return False
    _Rewriting(model.main, variables).apply()
    model.graphs[1:] = []
    model.signatures = [item for item in model.signatures if item.graph is model.main]
    return True


@dataclass(eq=False)
class _Variable:
    """A resource variable.

    Attributes:
        name: unique among tensors.
        first: the value that it begins with; None for zeros.
        like: what has its shape, type and grid.
        read: whether anything reads what an earlier invocation has left.
        writes: the last operator that assigns to it, if one does.
    """

    name: str
    first: np.ndarray | None
    like: Tensor | None = None
    read: bool = False
    writes: Operator | None = field(default=None)

    def fits(self, tensor: Tensor) -> bool:
        """Take a tensor that it is read to or written from; whether that fits the others."""
        if self.like is None:
            self.like = tensor
        known = self.like.quantization
        same_grid = (
            tensor.quantization is None if known is None else known.same_as(tensor.quantization)
        )
        is_alike = (tensor.shape, tensor.type) == (self.like.shape, self.like.type)
        return same_grid and is_alike and tensor.type.dtype is not None

    @property
    def zeros(self) -> np.ndarray:
        """Values that interpreters reset a variable to."""
        assert self.like is not None
        grid = self.like.quantization
        zero = 0 if grid is None else int(grid.zero_point[0])
        return np.full(self.like.shape, zero, self.like.type.dtype)

    @property
    def first_values(self) -> np.ndarray:
        """Values that it begins with."""
        return self.zeros if self.first is None else self.first

    @property
    def begins_with_zeros(self) -> bool:
        """Whether that is what interpreters reset variables to, bit for bit."""
        return self.first_values.tobytes() == self.zeros.tobytes()


def _key(graph: Graph, handle: Operator) -> _Key:
    """Name and container that a variable is known by."""
    options = options_of(graph, handle)
    return bytes(options.container or b""), bytes(options.sharedName or b"")


def _handles(graph: Graph) -> dict[int, _Key] | None:
    """The variable of every handle, by its tensor; None if one is not the only result."""
    found = {}
    for operator in graph.operators:
        if operator.code == _HANDLE:
            if len(operator.outputs) != 1:
                return None
            found[id(operator.outputs[0])] = _key(graph, operator)
    return found


def _first_values(graphs: Sequence[Graph]) -> dict[_Key, Tensor] | None:
    """The constants that variables begin with; None if they are computed."""
    first: dict[_Key, Tensor] = {}
    for graph in graphs:
        handles = _handles(graph)
        for operator in graph.operators:
            if operator.code == _HANDLE:
                continue
            key, value = _assigned(operator, handles or {})
            if key is None or value is None or value.data is None:
                return None
            first[key] = value
    return first


def _assigned(operator: Operator, handles: dict[int, _Key]) -> tuple[_Key | None, Tensor | None]:
    """The variable that an operator assigns to, and the value; None where it does not."""
    if operator.code != _ASSIGN or len(operator.inputs) != 2:
        return None, None
    return handles.get(id(operator.inputs[0])), operator.inputs[1]


def _variables(graph: Graph, first: dict[_Key, Tensor]) -> dict[int, _Variable] | None:
    """Every variable of a graph, by the tensors of its handles; None if one is no memory."""
    handles = _handles(graph)
    if handles is None:
        return None
    taken = {tensor.name for tensor in graph.tensors()}
    by_key: dict[_Key, _Variable] = {}
    for key in handles.values():
        if key not in by_key:
            name = _unique(key[1].decode("utf-8", "replace") or "variable", taken)
            value = first.get(key)
            by_key[key] = _Variable(name, None if value is None else value.data)
            if value is not None and not by_key[key].fits(value):
                return None
    variables = {place: by_key[key] for place, key in handles.items()}
    uses = _used_well(graph, variables)
    return variables if uses else None


def _unique(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _used_well(graph: Graph, variables: dict[int, _Variable]) -> bool:
    """Follow all uses of variables; whether each is one that a memory has."""
    if any(id(tensor) in variables for tensor in (*graph.inputs, *graph.outputs)):
        return False
    for operator in graph.operators:
        if operator.code == _READ:
            variable = variables.get(id(operator.inputs[0])) if operator.inputs else None
            if variable is None or len(operator.outputs) != 1:
                return False
            variable.read = variable.read or variable.writes is None
            if not variable.fits(operator.outputs[0]):
                return False
        elif operator.code == _ASSIGN:
            variable = variables.get(id(operator.inputs[0])) if operator.inputs else None
            value = operator.inputs[1] if len(operator.inputs) == 2 else None
            if variable is None or value is None or value.data is not None:
                return False
            variable.writes = operator
            if not variable.fits(value):
                return False
        elif any(id(tensor) in variables for tensor in operator.inputs):
            return False
    return True


class _Rewriting:
    """The operators of a graph anew, with memories for its variables."""

    def __init__(self, graph: Graph, variables: dict[int, _Variable]):
        self.graph = graph
        self.variables = variables
        self.operators: list[Operator] = []
        self.current: dict[int, Tensor] = {}
        self.states: dict[int, Tensor] = {}
        self.replaced: dict[int, Tensor] = {}
        self.started: tuple[Tensor, Tensor] | None = None

    def apply(self) -> None:
        """Change the graph."""
        for operator in self.graph.operators:
            operator.inputs = [
                None if tensor is None else self.replaced.get(id(tensor), tensor)
                for tensor in operator.inputs
            ]
            if operator.code == _READ:
                self._read(operator)
            elif operator.code == _ASSIGN:
                self._assign(operator)
            elif operator.code not in _RESOURCES:
                self.operators.append(operator)
        if self.started is not None:
            self._remember_start(*self.started)
        self.graph.operators = self.operators

    def _read(self, operator: Operator) -> None:
        variable, result = self._variable(operator), operator.outputs[0]
        source = self.current.get(id(variable))
        if source is None:
            self.current[id(variable)] = result
            self._begin(variable, result)
        elif any(result is tensor for tensor in self.graph.outputs):
            self.operators.append(reshape(source, result))
        else:
            self.replaced[id(result)] = source

    def _variable(self, operator: Operator) -> _Variable:
        return self.variables[id(operator.inputs[0])]

    def _assign(self, operator: Operator) -> None:
        variable, value = self._variable(operator), operator.inputs[1]
        assert value is not None
        self.current[id(variable)] = value
        if variable.read and variable.writes is operator:
            self._move(value, self._state(variable))

    def _begin(self, variable: _Variable, result: Tensor) -> None:
        """Put down what a variable held before this invocation."""
        if variable.writes is None:
            result.data = variable.first_values
            return
        if variable.begins_with_zeros:
            self._move(self._state(variable), result)
            return
        kept = _named(result, f"{variable.name}_kept")
        self._move(self._state(variable), kept)
        first = _named(result, f"{variable.name}_first")
        first.data = variable.first_values
        operands: list[Tensor | None] = [self._was_started(), kept, first]
        options = schema.SelectV2OptionsT()
        self.operators.append(Operator("SELECT_V2", operands, [result], options))

    def _state(self, variable: _Variable) -> Tensor:
        """The memory of a variable, in a shape that SLICE takes."""
        if id(variable) not in self.states:
            assert variable.like is not None
            state = _named(variable.like, variable.name)
            state.is_variable = state.keeps_state = True
            if len(state.shape) not in _SLICED_RANKS:
                state.shape = (state.elements,)
            self.states[id(variable)] = state
        return self.states[id(variable)]

    def _move(self, source: Tensor, result: Tensor) -> None:
        """Read or write a memory."""
        if source.shape == result.shape:
            self.operators.append(slice_of(source, [0] * len(source.shape), result))
            return
        flat = _named(source, f"{source.name}_flat")
        flat.shape = (source.elements,)
        if source.is_variable:
            self.operators += [slice_of(source, [0], flat), reshape(flat, result)]
        else:
            self.operators += [reshape(source, flat), slice_of(flat, [0], result)]

    def _was_started(self) -> Tensor:
        """Whether there was an invocation before, as an activation of one BOOL."""
        if self.started is None:
            names = {tensor.name for tensor in self.graph.tensors()}
            state = Tensor(
                _unique("was_started", names), (1,), TensorType.BOOL,
                is_variable=True, keeps_state=True,
            )  # fmt: skip
            before = Tensor(_unique("was_started_before", names), (), TensorType.BOOL)
            self._move(state, before)
            self.started = state, before
        return self.started[1]

    def _remember_start(self, state: Tensor, before: Tensor) -> None:
        """From now on there was one: `before` or true, which is no constant, as a memory asks."""
        true = Tensor(f"{state.name}_true", (), TensorType.BOOL, data=np.array(True))
        now = Tensor(f"{state.name}_now", (), TensorType.BOOL)
        self.operators.append(
            Operator("LOGICAL_OR", [before, true], [now], schema.LogicalOrOptionsT())
        )
        self._move(now, state)


def _named(tensor: Tensor, name: str) -> Tensor:
    """An activation like another."""
    return Tensor(name, tensor.shape, tensor.type, tensor.quantization)
