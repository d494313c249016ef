"""Which activations must use one grid, and what is known of its range and width."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tfedge.quantization.activation_types import ACTIVATION_TYPES, INT8, ActivationType
from tfedge.quantization.policy import OPERATORS, Grid, OutputRange
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Graph, Operator, Range, Tensor
from tfedge_converters.graph.real_operators import is_real_activation
from tfedge_converters.graph.sequences import memories
from tfedge_converters.ptq.bit_widths import bit_widths
from tfedge_converters.ptq.constant_values import constant_range
from tfedge_converters.ptq.real_operators import (
    check_types,
    computes,
    known_policy,
    policy_of,
    real_activations,
    real_operands,
    real_operators,
    real_results,
)

# What int8 kernels ask for of their operand's scale, for SOFTMAX times beta: below 2^-26, and of
# sigmoids 2^-27, they abort. At twice that, all results are equal anyway.
_LEAST_SCALES = dict.fromkeys(("LOGISTIC", "LOG_SOFTMAX", "SOFTMAX", "TANH"), 2.0**-25)


@dataclass(eq=False)
class Group:
    """Activations that use one grid.

    Attributes:
        tensors: the activations.
        usual: what they are unless their width is decided.
        bits: their width, or None if nothing decides it.
        constants: ranges of float constants that some kernel needs on the same grid, as far as
            they get into its result.
        sources: the groups of operands of another width, which are moved to this one's grid.
        prescribed: the grids that a kernel prescribes, by element type; empty if none does.
        least_scale: of an int8 grid, that a kernel asks for.
    """

    tensors: list[Tensor]
    usual: ActivationType
    bits: int | None = None
    constants: list[Range] = field(default_factory=list)
    sources: list[Group] = field(default_factory=list)
    prescribed: Mapping[str, Grid] = field(default_factory=dict)
    least_scale: float = 0.0

    @property
    def activation_type(self) -> ActivationType:
        """The integers that they are."""
        return self.usual if self.bits is None else ACTIVATION_TYPES[self.bits]

    @property
    def fixed(self) -> Grid | None:
        """The grid that a kernel prescribes for these integers, if any."""
        return self.prescribed.get(self.activation_type.element)

    def range(self) -> Range | None:
        """The union of all known ranges of members, else of its sources; None if none has one."""
        known = [tensor.range for tensor in self.tensors if tensor.range is not None]
        known = known or [found for group in self.sources if (found := group.range()) is not None]
        if not known:
            return None
        known += self.constants
        low, high = min(item.low for item in known), max(item.high for item in known)
        least = self.least_scale * (self.activation_type.high - self.activation_type.low)
        wider = max(1.0, least / (high - low)) if high > low else 1.0
        return Range(wider * low, wider * high)

    def limits(self) -> Range | None:
        """Return the range that the grid covers: the whole grid if a kernel prescribes it."""
        if self.fixed is None:
            return self.range()
        scale, zero_point = self.fixed.scale, self.fixed.zero_point
        low, high = self.activation_type.low, self.activation_type.high
        return Range(scale * (low - zero_point), scale * (high - zero_point))


class Groups:
    """The groups of a float graph, and the operands that have to be moved to another grid.

    Kernels that only move or compare integers need one grid for their operands and results, and
    what goes from one invocation to the next has one.
    An operator with several such operands (CONCATENATION) cannot have it where an operand's grid
    is prescribed and another operand does not fit it, and none can where an operand's width is
    decided and not the result's: that operand stays out of the group and is listed in
    `requantized`. A result whose width is not decided has that of the widest operand.

    Raises:
        UnsupportedError: an operator is not in the policy table, or not for its width.
    """

    def __init__(self, graph: Graph, scheme: Scheme):
        self.usual = scheme.activations.type
        self.requantized: list[tuple[Operator, int]] = []
        self._group_of: dict[int, Group] = {}
        operators = real_operators(graph)
        # What cannot be quantised at all comes before what is wrong with types and shapes.
        policies = [known_policy(graph, operator, self.usual) for operator in operators]
        for operator, policy in zip(operators, policies, strict=True):
            check_types(graph, operator, policy)
        decided = bit_widths(graph, scheme)
        for tensor in filter(is_real_activation, graph.tensors()):
            self._group_of[id(tensor)] = Group([tensor], self.usual, decided.get(id(tensor)))
        for operator in operators:
            policy = OPERATORS[operator.code]
            if policy.output is OutputRange.FIXED:
                self.of(operator.outputs[0]).prescribed = policy.fixed
            elif policy.output is OutputRange.SHARED:
                self._share(operator)
            elif operator.steps:
                self._keep_trained_grid(operator)
        for memory in filter(lambda memory: is_real_activation(memory.before), memories(graph)):
            self._merge(self.of(memory.before), self.of(memory.after))
        for operator in operators:
            policy_of(graph, operator, self.activation_type(operator))
            if operator.code in _LEAST_SCALES:
                self._ask_for_scale(operator)

    def of(self, tensor: Tensor) -> Group:
        """The group of a float activation."""
        return self._group_of[id(tensor)]

    def all(self) -> list[Group]:
        """Every group once, in the order of the graph."""
        return list({id(group): group for group in self._group_of.values()}.values())

    def activation_type(self, operator: Operator) -> ActivationType:
        """Return the type an operator computes in: what it says, or its result's.

        If it has no float result, the widest type of its operands for which there are kernels.
        """
        results = real_results(operator)
        if operator.bits is not None:
            return ACTIVATION_TYPES[operator.bits]
        if results:
            return self.of(results[0]).activation_type
        policy = OPERATORS[operator.code]
        operands = [self.of(tensor).activation_type for _, tensor in real_activations(operator)]
        able = [each for each in operands if computes(policy, each)]
        return max(able, key=lambda each: each.bits, default=self.usual)

    def _keep_trained_grid(self, function: Operator) -> None:
        """Let a function of one activation have the grid that its last step's kernel prescribes.

        That is the one which it was trained with, if its range is that of the whole grid.
        """
        last, group = OPERATORS.get(function.steps[-1].code), self.of(function.outputs[0])
        if last is not None and last.output is OutputRange.FIXED:
            trained = replace(group, prescribed=last.fixed)
            if trained.fixed is not None and trained.limits() == group.range():
                group.prescribed = last.fixed

    def _ask_for_scale(self, operator: Operator) -> None:
        operand = real_operands(operator)[0][1]
        if operand.is_constant:  # whose grid is that of its values
            return
        group = self.of(operand)
        beta = abs(getattr(operator.options, "beta", 1.0))
        if group.activation_type is INT8 and beta > 0:
            group.least_scale = max(group.least_scale, _LEAST_SCALES[operator.code] / beta)

    def _share(self, operator: Operator) -> None:
        # Whatever prescribes an operand's grid stands earlier in the graph, so it is known here.
        operands = real_operands(operator)
        group = self.of(operator.outputs[0])
        for output in real_results(operator)[1:]:
            group = self._merge(group, self.of(output))
        group.bits = group.bits or self._widest(operator)
        for index, tensor in operands:
            if tensor.is_constant:
                group.constants.append(_reaching(operator, constant_range(tensor)))
            elif self._stays_out(self.of(tensor), group, operands):
                self.requantized.append((operator, index))
                group.sources.append(self.of(tensor))
            else:
                group = self._merge(self.of(tensor), group)

    def _widest(self, operator: Operator) -> int | None:
        """The largest decided width of an operator's operands."""
        decided = (self.of(tensor).bits for _, tensor in real_activations(operator))
        return max(filter(None, decided), default=None)

    @staticmethod
    def _stays_out(operand: Group, group: Group, operands: list[tuple[int, Tensor]]) -> bool:
        if operand.bits not in (None, group.bits):
            return True
        several = len(operands) > 1
        return several and bool(operand.prescribed) and not _all_fit(operand, group, operands)

    def _merge(self, first: Group, second: Group) -> Group:
        if first is second:
            return first
        first.tensors += second.tensors
        first.constants += second.constants
        first.sources += second.sources
        first.prescribed = first.prescribed or second.prescribed
        first.bits = max(filter(None, (first.bits, second.bits)), default=None)
        for tensor in second.tensors:
            self._group_of[id(tensor)] = first
        return first


def _reaching(operator: Operator, constant: Range) -> Range:
    """The numbers of a constant beyond which no result lies: a minimum has none above its other."""
    if operator.code == "MAXIMUM":
        return Range(math.inf, constant.high)
    if operator.code == "MINIMUM":
        return Range(constant.low, -math.inf)
    return constant


def _all_fit(operand: Group, group: Group, operands: list[tuple[int, Tensor]]) -> bool:
    """Whether a grid that a kernel prescribes does for all operands, and nothing asks for another.

    Beside the operand there are only constants that lie on it, such as the zeros that a mask puts
    into probabilities.
    """
    if any(tensor.range is not None for tensor in group.tensors):
        return False
    others = [tensor for _, tensor in operands if tensor not in operand.tensors]
    limits = operand.limits()
    return all(
        tensor.is_constant
        and limits is not None
        and limits.low <= (values := constant_range(tensor)).low
        and values.high <= limits.high
        for tensor in others
    )
