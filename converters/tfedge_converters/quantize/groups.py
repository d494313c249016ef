"""Which activations must use one grid, and what is known of its range."""

from __future__ import annotations

from dataclasses import dataclass, field

from tfedge.errors import UnsupportedError
from tfedge.quantization.policy import (
    OPERATORS,
    Grid,
    OperatorPolicy,
    OutputRange,
)
from tfedge_converters.graph import Graph, Operator, Range, Tensor, TensorType
from tfedge_converters.graph.operator_checks import check_ranks, options_of
from tfedge_converters.quantize.constant_values import constant_range
from tfedge_converters.quantize.formats import Format
from tfedge_converters.quantize.precision import is_real_activation


@dataclass(eq=False)
class Group:
    """Activations that use one grid.

    Attributes:
        tensors: the activations.
        constants: real constants that some kernel needs on the same grid.
        fixed: the grid that a kernel prescribes, if any.
    """

    tensors: list[Tensor]
    constants: list[Tensor] = field(default_factory=list)
    fixed: Grid | None = None

    def range(self) -> Range | None:
        """The union of all known ranges of members; None if no activation has one."""
        known = [tensor.range for tensor in self.tensors if tensor.range is not None]
        if not known:
            return None
        known += [constant_range(constant) for constant in self.constants]
        return Range(min(item.low for item in known), max(item.high for item in known))


class Groups:
    """The groups of a real graph, and the operands that have to be moved to another grid.

    Kernels that only move or compare integers need one grid for their operands and results.
    An operator with several such operands (CONCATENATION) cannot have it where an operand's grid
    is prescribed: that operand stays out of the group and is listed in `requantized`.

    Raises:
        UnsupportedError: an operator is not in the policy table.
    """

    def __init__(self, graph: Graph, form: Format):
        self.requantized: list[tuple[Operator, int]] = []
        self._group_of: dict[int, Group] = {}
        for tensor in graph.tensors():
            if is_real_activation(tensor):
                self._group_of[id(tensor)] = Group([tensor])
        for operator in real_operators(graph):
            policy = policy_of(graph, operator, form)
            _check_types(graph, operator, policy)
            if policy.output is OutputRange.FIXED:
                self.of(operator.outputs[0]).fixed = policy.fixed[form.element]
            elif policy.output is OutputRange.SHARED:
                self._share(operator)

    def of(self, tensor: Tensor) -> Group:
        """The group of a real activation."""
        return self._group_of[id(tensor)]

    def all(self) -> list[Group]:
        """Every group once, in the order of the graph."""
        return list({id(group): group for group in self._group_of.values()}.values())

    def _share(self, operator: Operator) -> None:
        # Whatever prescribes an operand's grid stands earlier in the graph, so it is known here.
        operands = real_operands(operator)
        group = self.of(operator.outputs[0])
        for output in filter(is_real_activation, operator.outputs[1:]):
            group = self._merge(group, self.of(output))
        for index, tensor in operands:
            if tensor.is_constant:
                group.constants.append(tensor)
            elif len(operands) > 1 and self.of(tensor).fixed is not None:
                self.requantized.append((operator, index))
            else:
                group = self._merge(self.of(tensor), group)

    def _merge(self, first: Group, second: Group) -> Group:
        if first is second:
            return first
        first.tensors += second.tensors
        first.constants += second.constants
        first.fixed = first.fixed or second.fixed
        for tensor in second.tensors:
            self._group_of[id(tensor)] = first
        return first


def real_operators(graph: Graph) -> list[Operator]:
    """The operators that touch real numbers; the others are none of the quantiser's business."""
    return [
        operator
        for operator in graph.operators
        if any(
            tensor is not None and tensor.type == TensorType.FLOAT32
            for tensor in [*operator.inputs, *operator.outputs]
        )
    ]


def real_operands(operator: Operator) -> list[tuple[int, Tensor]]:
    """Positions and tensors of the operands that hold real numbers."""
    return [
        (index, tensor)
        for index, tensor in enumerate(operator.inputs)
        if tensor is not None and tensor.type == TensorType.FLOAT32
    ]


def policy_of(graph: Graph, operator: Operator, form: Format) -> OperatorPolicy:
    """The operator's row of the policy table.

    Raises:
        UnsupportedError: there is none, or not for activations of this format.
    """
    policy = OPERATORS.get(operator.code)
    if policy is None or not (policy.real or form.scheme in policy.versions):
        known = sorted(code for code, row in OPERATORS.items() if form.scheme in row.versions)
        raise UnsupportedError(
            f"{graph.place(operator)}: this operator cannot be quantised to {form.element}; "
            f"supported are {', '.join(known)}"
        )
    return policy


def _check_types(graph: Graph, operator: Operator, policy: OperatorPolicy) -> None:
    """Refuses what no converter writes, so that the rest, and LiteRT, may rely on it."""
    check_ranks(graph, operator)
    options_of(graph, operator)
    present = {index for index, tensor in enumerate(operator.inputs) if tensor is not None}
    if present & policy.absent:
        raise UnsupportedError(
            f"{graph.place(operator)}: int8 kernels compute the plain variant only, without "
            "peephole, projection or layer normalisation"
        )
    operands = dict(real_operands(operator))
    _check_exact_source(graph, operator, policy)
    states = {rule.operand for rule in policy.states}
    optional = policy.absent | {rule.bias for rule in policy.weights}
    if not (
        set(range(len(operator.inputs))) - present <= optional
        and (operands or policy.exact_sources)
        and operator.outputs
        and states <= set(operands)
        and all(_may_be(tensor, index in states) for index, tensor in operands.items())
        and is_real_activation(operator.outputs[0]) != (policy.output is OutputRange.NONE)
        and all(is_real_activation(t) or t.type != TensorType.FLOAT32 for t in operator.outputs)
        and all(rule.input in operands for rule in policy.weights)
        and all(rule.operand < len(operator.inputs) for rule in policy.weights)
    ):
        raise UnsupportedError(
            f"{graph.place(operator)} reads state or mixes real and integer operands in a way that "
            "cannot be quantised"
        )


def _may_be(operand: Tensor, state: bool) -> bool:
    if state:
        return operand.is_variable
    return operand.is_constant or is_real_activation(operand)


def _check_exact_source(graph: Graph, operator: Operator, policy: OperatorPolicy) -> None:
    """Refuses integers that would not keep their values as an 8-bit result."""
    source = operator.inputs[0] if operator.inputs else None
    if not policy.exact_sources or source is None or source.type.name in policy.exact_sources:
        return
    results = ", ".join(tensor.type.name for tensor in operator.outputs)
    raise UnsupportedError(
        f"{graph.place(operator)} turns {source.type.name} into {results}: of the types that mix "
        f"with real numbers in an int8 model only {', '.join(sorted(policy.exact_sources))} keeps "
        "its values; let the model take float32 instead"
    )
