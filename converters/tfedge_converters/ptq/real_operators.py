"""The operators of a float graph that touch real numbers, and what the policy says of them."""

from __future__ import annotations

from tfedge.errors import UnsupportedError
from tfedge.quantization.activation_types import ActivationType
from tfedge.quantization.policy import OPERATORS, OperatorPolicy, OutputRange
from tfedge_converters.graph import Graph, Operator, Tensor, TensorType
from tfedge_converters.graph.operator_checks import check_ranks, options_of
from tfedge_converters.graph.real_operators import is_real_activation
from tfedge_converters.graph.sequences import touches_memory


def real_operators(graph: Graph) -> list[Operator]:
    """The operators that touch real numbers; the others are none of the quantiser's business.

    So are those that move a state in and out of its memory: its grid is what they move it to.
    """
    return [
        operator
        for operator in graph.operators
        if not touches_memory(operator)
        and any(
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


def real_activations(operator: Operator) -> list[tuple[int, Tensor]]:
    """Those of the float operands that are computed at run time, and no states."""
    return [
        (index, tensor) for index, tensor in real_operands(operator) if is_real_activation(tensor)
    ]


def real_results(operator: Operator) -> list[Tensor]:
    """The results that hold real numbers."""
    return [tensor for tensor in operator.outputs if is_real_activation(tensor)]


def computes(policy: OperatorPolicy, activation_type: ActivationType) -> bool:
    """Whether there are kernels for activations of a type, or need not be any."""
    real = policy.real or policy.reads_real
    return (
        real
        or activation_type.scheme in policy.versions
        or activation_type.scheme in policy.sequences
    )


def known_policy(
    graph: Graph, operator: Operator, activation_type: ActivationType
) -> OperatorPolicy:
    """The operator's row of the policy table.

    Args:
        graph, operator: the operator and where it is.
        activation_type: of which kernels are listed if there is none.

    Raises:
        UnsupportedError: there is none.
    """
    if operator.code not in OPERATORS:
        raise _unsupported(graph, operator, activation_type)
    return OPERATORS[operator.code]


def policy_of(graph: Graph, operator: Operator, activation_type: ActivationType) -> OperatorPolicy:
    """The operator's row of the policy table.

    Raises:
        UnsupportedError: there is none, or not for activations of this type.
    """
    policy = known_policy(graph, operator, activation_type)
    if not computes(policy, activation_type):
        raise _unsupported(graph, operator, activation_type)
    return policy


def _unsupported(
    graph: Graph, operator: Operator, activation_type: ActivationType
) -> UnsupportedError:
    if operator.code == "CUSTOM":
        return UnsupportedError(
            f"{graph.place(operator)} is a custom operator, which cannot be quantised; compute it "
            "outside of the model"
        )
    known = sorted(
        code for code, row in OPERATORS.items() if activation_type.scheme in row.versions
    )
    return UnsupportedError(
        f"{graph.place(operator)}: this operator cannot be quantised to {activation_type.element}; "
        f"supported are {', '.join(known)}"
    )


def check_types(graph: Graph, operator: Operator, policy: OperatorPolicy) -> None:
    """Refuse what no converter writes, so that the rest, and LiteRT, may rely on it."""
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
        and (operands or policy.exact_sources or operator.steps)
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
    """Refuse integers that would not keep their values as an 8-bit result."""
    source = operator.inputs[0] if operator.inputs else None
    if not policy.exact_sources or source is None or source.type.name in policy.exact_sources:
        return
    results = ", ".join(tensor.type.name for tensor in operator.outputs)
    raise UnsupportedError(
        f"{graph.place(operator)} turns {source.type.name} into {results}: of the types that mix "
        f"with real numbers in an int8 model only {', '.join(sorted(policy.exact_sources))} keeps "
        "its values; let the model take float32 instead"
    )
