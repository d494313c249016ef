"""Which activations must have a certain width, whatever they are computed from."""

from __future__ import annotations

from tfedge.quantization.activation_types import ACTIVATION_TYPES
from tfedge.quantization.policy import OPERATORS, OutputRange
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Graph, Operator, Tensor
from tfedge_converters.graph.real_operators import is_real_activation
from tfedge_converters.ptq.layer_schemes import layer_of
from tfedge_converters.ptq.real_functions import with_functions
from tfedge_converters.ptq.real_operators import (
    computes,
    real_activations,
    real_operators,
    real_results,
)


def bit_widths(graph: Graph, scheme: Scheme) -> dict[int, int]:
    """Bits of activations, by their identity; the others may be what shares a grid with them.

    What an annotation of the tensor says comes first, then what the scheme says of its layer. The
    graph's inputs and outputs have the scheme's width, but for what training only moves there from
    an activation of another; and so have the results of operators that no kernel computes in all
    widths.
    """
    usual = scheme.activations.bits
    decided = {id(tensor): usual for tensor in one_width_results(graph, scheme)}
    moved = _moved_by_training(graph)
    fixed = [*graph.inputs, *(tensor for tensor in graph.outputs if id(tensor) not in moved)]
    decided.update((id(tensor), usual) for tensor in fixed)
    return decided | _asked(graph, scheme)


def one_width_results(graph: Graph, scheme: Scheme) -> list[Tensor]:
    """Results of operators with kernels for the scheme's width, but not for every width."""
    return [
        tensor
        for operator in real_operators(graph)
        if _has_kernels_for_some(operator, scheme)
        for tensor in real_results(operator)
    ]


def free_activations(graph: Graph, scheme: Scheme) -> list[Tensor]:
    """Activations that could have any width: kernels have it, and no one asks for a certain one.

    The graph's inputs and outputs are among them; what lies within functions of one activation is
    not.
    """
    graph = with_functions(graph, scheme)
    bound = {id(tensor) for tensor in one_width_results(graph, scheme)} | set(_asked(graph, scheme))
    real = filter(is_real_activation, graph.tensors())
    return [tensor for tensor in real if id(tensor) not in bound]


def _asked(graph: Graph, scheme: Scheme) -> dict[int, int]:
    """Collect the widths that annotations and the scheme's layers ask for, by identity."""
    asked = {}
    for tensor in filter(is_real_activation, graph.tensors()):
        layer = layer_of(scheme, tensor.name).activations
        bits = tensor.bits or (None if layer is None else layer.bits)
        if bits is not None:
            asked[id(tensor)] = bits
    return asked


def _moved_by_training(graph: Graph) -> set[int]:
    """Find the tensors on the grid of an activation that training has put on one, by identity.

    Its integers are moved as they are, also where they are moved to an output.
    """
    found: set[int] = set()
    for operator in real_operators(graph):
        policy = OPERATORS.get(operator.code)
        if policy is not None and policy.output is OutputRange.SHARED:
            operands = [tensor for _, tensor in real_activations(operator)]
            if any(_is_trained(tensor) or id(tensor) in found for tensor in operands):
                found |= {id(tensor) for tensor in real_results(operator) if tensor.range is None}
    return found


def _is_trained(tensor: Tensor) -> bool:
    """Whether training knows both range and width; conversion asks for widths alone."""
    return tensor.bits is not None and tensor.range is not None and not tensor.range.observed


def _has_kernels_for_some(operator: Operator, scheme: Scheme) -> bool:
    """Whether there are kernels for the scheme's width, but not for every width."""
    policy = OPERATORS.get(operator.code)
    if policy is None or not computes(policy, scheme.activations.type):
        return False
    return not all(computes(policy, each) for each in ACTIVATION_TYPES.values())
