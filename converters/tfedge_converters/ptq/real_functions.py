"""Functions of one activation, of however many operators, that are computed in real numbers.

Integers between the operators of a function would only lose precision: int8 holds neither the
exponentials nor the logarithms of softplus. In files such a function stays in float32, between
DEQUANTIZE and QUANTIZE; generated C makes one table of it. A CAST that makes real numbers of
integers begins such a function as well, of an activation that needs no grid.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.quantization.activation_types import ActivationType
from tfedge.quantization.policy import OPERATORS, REAL_FUNCTION
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Graph, Operator, Tensor, TensorType
from tfedge_converters.graph.operator_checks import options_of
from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.real_operators import is_real_activation
from tfedge_converters.ptq.casts import (
    as_float,
    dequantize_operator,
    quantize_operator,
)
from tfedge_converters.ptq.function_ranges import may_leave_numbers, may_leave_words
from tfedge_converters.ptq.real_operators import computes

# Sums and products with single constants: integer kernels compute chains of them well, in a
# fraction of the memory that real numbers take.
_AFFINE = frozenset({"ADD", "MUL", "SUB"})

# Of activations without a grid. BOOL has one that is exact.
_INTEGERS = frozenset(
    {TensorType.INT8, TensorType.UINT8, TensorType.INT16, TensorType.INT32, TensorType.INT64}
)

# Operators whose int8 kernel is worse than its grid: SQRT truncates.
_COARSE = frozenset({"SQRT"})


def with_functions(graph: Graph, scheme: Scheme, *, split: bool = False) -> Graph:
    """The same graph with one REAL_FUNCTION in place of every function of one activation.

    Everything between its operand and its result depends on that activation and on single
    constants alone, and computes every element by itself. What others read of it is a function of
    its own, so that operators may be steps of several. Single operators with an integer kernel
    stay what they are, and so do activations in between whose range or width is known: somebody,
    as training, wants integers there. Only what no kernel computes from several activations goes
    past them.

    Args:
        graph: a float graph; it is not changed, and the new one has its tensors.
        scheme: what it will be quantised to.
        split: whether all that integer kernels compute is left to them, as accelerators need it.

    Returns:
        A graph in which `Operator.steps` of a REAL_FUNCTION are the operators that it stands for.

    Raises:
        ModelFileError: an operator of a function has another operator's options.
    """
    search = _Search(graph, scheme.activations.type, split)
    needed = {id(tensor) for tensor in graph.outputs}
    absorbed: set[int] = set()
    operators: list[Operator] = []
    for operator in reversed(graph.operators):
        if id(operator) in absorbed and not needed & set(map(id, operator.outputs)):
            continue
        function = search.ending_with(operator)
        if function is not None:
            for step in function.steps:
                options_of(graph, step)
            absorbed.update(map(id, function.steps))
        operators.insert(0, function or operator)
        needed.update(map(id, operators[0].inputs))
    return dataclasses.replace(graph, operators=operators)


@dataclass(eq=False)
class _Region:
    """Operators known to be part of a function, and the tensors that it depends on so far."""

    operators: dict[int, Operator] = field(default_factory=dict)
    frontier: dict[int, Tensor] = field(default_factory=dict)

    def take(self, place: int, operator: Operator) -> None:
        """Add an operator in front."""
        self.operators[place] = operator
        self.frontier.pop(id(operator.outputs[0]), None)
        self.frontier.update((id(tensor), tensor) for tensor in _variable_operands(operator))

    def closed(self) -> Operator | None:
        """The function, if it is one of a single activation, of real numbers or integers."""
        (source, *others) = self.frontier.values()
        if others or not (is_real_activation(source) or _is_integer_activation(source)):
            return None
        steps = tuple(self.operators[place] for place in sorted(self.operators))
        return Operator(REAL_FUNCTION, [source], list(steps[-1].outputs), steps=steps)


class _Search:
    """Search for functions by what they end with."""

    def __init__(self, graph: Graph, activation_type: ActivationType, split: bool):
        self._type, self._split = activation_type, split
        self._makers = {
            id(tensor): (place, operator)
            for place, operator in enumerate(graph.operators)
            for tensor in operator.outputs
        }

    def ending_with(self, operator: Operator) -> Operator | None:
        """The largest function whose result an operator makes; None if it is no such function."""
        if not (_is_element_wise(operator) and is_real_activation(operator.outputs[0])):
            return None
        if operator.bits is not None:
            return None
        function = self._largest(operator, past_grids=False)
        if function is not None and any(map(self._has_no_integers, function.steps)):
            return function
        if function is None and self._has_no_integers(operator):
            # Of several grids no kernel computes it: those of its operands have to go.
            return self._largest(operator, past_grids=True)
        if function is not None and any(map(makes_integers_real, function.steps)):
            return function
        if self._split:
            return None
        return function if function is not None and _is_better_real(function) else None

    def _largest(self, last: Operator, *, past_grids: bool) -> Operator | None:
        region, found = _Region(), None
        region.take(self._makers[id(last.outputs[0])][0], last)
        while region.frontier:
            found = region.closed() or found
            # What was made last cannot be an operand of the rest.
            tensor = max(region.frontier.values(), key=self._place)
            place, maker = self._makers.get(id(tensor), (-1, None))
            if maker is None or not _is_element_wise(maker) or maker.bits is not None:
                break
            if not past_grids and _is_on_a_grid(tensor):
                break
            region.take(place, maker)
        return found

    def _has_no_integers(self, operator: Operator) -> bool:
        policy = OPERATORS.get(operator.code)
        if policy is None:
            return False
        return policy.real or not computes(policy, self._type)

    def _place(self, tensor: Tensor) -> int:
        return self._makers.get(id(tensor), (-1, None))[0]


def makes_integers_real(operator: Operator) -> bool:
    """Whether an operator reads integers whose values only real numbers are sure to hold."""
    source = operator.inputs[0]
    return operator.code == "CAST" and source is not None and _is_integer_activation(source)


def _is_integer_activation(tensor: Tensor) -> bool:
    return tensor.type in _INTEGERS and not tensor.is_constant and not tensor.is_variable


def _is_on_a_grid(tensor: Tensor) -> bool:
    """Whether integers are wanted here: not if all that is known is what was seen in data."""
    asked = tensor.range is not None and not tensor.range.observed
    return asked or tensor.bits is not None


def _is_better_real(function: Operator) -> bool:
    codes = {step.code for step in function.steps}
    if len(function.steps) == 1:
        return bool(codes & _COARSE)
    return not codes <= _AFFINE or any(map(_clamps_or_squares, function.steps))


def _clamps_or_squares(step: Operator) -> bool:
    """Whether a sum or product is no line: it has an activation, or two operands that vary."""
    fused = getattr(step.options, "fusedActivationFunction", 0)
    return bool(fused) or len(_variable_operands(step)) > 1


def _is_element_wise(operator: Operator) -> bool:
    count = traits_of(operator.code).element_wise
    if not count or len(operator.inputs) != count or len(operator.outputs) != 1:
        return False
    operands, (result,) = _variable_operands(operator), operator.outputs
    return bool(operands) and all(
        tensor.shape == result.shape and not tensor.is_constant and not tensor.is_variable
        for tensor in operands
    )


def _variable_operands(operator: Operator) -> list[Tensor]:
    """Operands that are no single constants."""
    return [tensor for tensor in operator.inputs if tensor is not None and not _is_single(tensor)]


def _is_single(tensor: Tensor) -> bool:
    return tensor.data is not None and tensor.data.size == 1


# What is real already, by the source and the tensor that it stands for.
_RealTensors = dict[tuple[int, int], Tensor]


def written_out(operators: list[Operator]) -> list[Operator]:
    """The operators of files for everything that reads real numbers in a quantised graph.

    That is every REAL_FUNCTION, and what the policy says of.
    """
    real: _RealTensors = {}
    written: list[Operator] = []
    for operator in operators:
        if operator.code == REAL_FUNCTION:
            written += _between_ends(operator, real)
        elif operator.code in OPERATORS and OPERATORS[operator.code].reads_real:
            written += _reading_real(operator, real)
        else:
            written.append(operator)
    return written


def _reading_real(operator: Operator, real: _RealTensors) -> Iterator[Operator]:
    for tensor in operator.inputs:
        if tensor is not None and tensor.quantization is not None:
            yield from _made_real(tensor, real)
    operator.inputs = [real.get((id(tensor), id(tensor)), tensor) for tensor in operator.inputs]
    yield operator


def _made_real(source: Tensor, real: _RealTensors) -> Iterator[Operator]:
    """The DEQUANTIZE of an activation, unless it is written already."""
    key = id(source), id(source)
    if key not in real:
        real[key] = _named(source)
        yield dequantize_operator(source, real[key])


def _between_ends(function: Operator, real: _RealTensors) -> Iterator[Operator]:
    """A function's operators, but for those that another one of its source has written."""
    (source,), (result,) = function.inputs, function.outputs
    assert source is not None
    key = id(source)
    if source.quantization is not None:
        yield from _made_real(source, real)
    if not function.steps:
        real[key, id(result)] = real[key, key]
    for step in function.steps:
        (made,) = step.outputs
        if (key, id(made)) not in real:
            real[key, id(made)] = _named(made)
            inputs = [real.get((key, id(tensor)), tensor) for tensor in step.inputs]
            yield dataclasses.replace(step, inputs=inputs, outputs=[real[key, id(made)]])
    last = real[key, id(result)]
    if may_leave_numbers(source, function.steps) or may_leave_words(source, function.steps, result):
        last = yield from _bounded(last, result)
    yield quantize_operator(last, result)


def _bounded(source: Tensor, result: Tensor) -> Generator[Operator, None, Tensor]:
    """Bring a float tensor within what `result` can hold; what is no number, to its low end."""
    assert result.quantization is not None
    ends = result.quantization.numbers_of(result.type)
    for code, end in zip(("MAXIMUM", "MINIMUM"), ends, strict=True):
        data = np.array(end, np.float32)
        limit = Tensor(f"{source.name}_{code.lower()}", (), TensorType.FLOAT32, data=data)
        made = dataclasses.replace(source, name=f"{limit.name}_of")
        yield Operator(code, [source, limit], [made], schema.MaximumMinimumOptionsT())
        source = made
    return source


def _named(tensor: Tensor) -> Tensor:
    real = tensor if tensor.quantization is None else as_float(tensor)
    return dataclasses.replace(real, name=f"{tensor.name}_real")
