"""Which values have to be seen before a model can be quantised."""

from __future__ import annotations

import dataclasses

from absl import logging

from tfedge.quantization.activation_types import ACTIVATION_TYPES, ActivationType
from tfedge.quantization.policy import OPERATORS, OutputRange, StateGrid
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Graph, Operator, Tensor
from tfedge_converters.graph.real_operators import is_real_activation
from tfedge_converters.ptq.groups import Groups
from tfedge_converters.ptq.real_functions import with_functions
from tfedge_converters.ptq.real_operators import real_operands, real_operators

# Operators whose results span more than a grid can hold where they are large and small.
_STEEP = frozenset({"DIV", "EXP", "LOG", "POW", "RSQRT", "SQRT"})


def unknown_activations(
    graph: Graph, scheme: Scheme, *, split: bool = False
) -> list[tuple[Tensor, ActivationType]]:
    """Activations whose values have to be seen, and the integers that they will be.

    Args:
        graph: a float graph.
        scheme: what it will be quantised to.
        split: whether functions of one activation are split into what integer kernels compute.
    """
    graph = with_functions(graph, scheme, split=split)
    groups = Groups(graph, scheme)
    covered = {
        id(tensor)
        for tensor in graph.tensors()
        if is_real_activation(tensor)
        and (tensor.range is not None or groups.of(tensor).fixed is not None)
    }
    _spread(graph, groups, covered)
    return [
        (tensor, groups.of(tensor).activation_type)
        for tensor in graph.tensors()
        if is_real_activation(tensor) and id(tensor) not in covered
    ]


def keep_split(graph: Graph, scheme: Scheme) -> None:
    """Give a range to all that lies within functions which are split into integer kernels.

    Everybody knows then that integers are wanted there, also where kernels prescribe the grid.

    Args:
        graph: a float graph; what `unknown_activations` lists for it, split, has a range.
        scheme: what it will be quantised to.
    """
    split = with_functions(graph, scheme, split=True)
    functions = with_functions(graph, scheme)
    whole = {id(tensor) for tensor in functions.tensors()}
    groups = Groups(split, scheme)
    for tensor in filter(is_real_activation, split.tensors()):
        if id(tensor) not in whole:
            known = tensor.range or groups.of(tensor).limits()
            tensor.range = known and dataclasses.replace(known, observed=False)
    _warn_of_split(split, functions)


def _warn_of_split(split: Graph, functions: Graph) -> None:
    """Names the functions that integers in between do no good."""
    kept = {id(operator.outputs[0]) for operator in split.operators if operator.steps}
    lossy = [
        f"'{operator.outputs[0].name}' ({', '.join(step.code for step in operator.steps)})"
        for operator in functions.operators
        if len(operator.steps) > 1
        and id(operator.outputs[0]) not in kept
        and not _STEEP.isdisjoint(step.code for step in operator.steps)
    ]
    if lossy:
        logging.warning(
            "computed operator by operator in integers, which costs accuracy: %s; this target and "
            "scheme have no other way",
            ", ".join(lossy),
        )


def unknown_states(graph: Graph) -> list[tuple[Operator, Tensor, ActivationType]]:
    """Operators with a state that has a range of its own, which is not known."""
    return [
        (operator, state, ACTIVATION_TYPES[bits])
        for operator in real_operators(graph)
        if operator.code in OPERATORS  # what functions take in need not be
        for rule in OPERATORS[operator.code].states
        if rule.grid is not StateGrid.RESULT and (bits := rule.bits) is not None
        if (state := operator.inputs[rule.operand]) is not None and state.range is None
    ]


def _spread(graph: Graph, groups: Groups, covered: set[int]) -> None:
    """Add what shares a grid with covered activations only.

    A kernel that shares one grid makes no values of its own: if all its operands are covered, so
    is the result. And a range that training gave the result is what it gave the operands too.
    """
    sharing = [
        operator
        for operator in real_operators(graph)
        if OPERATORS[operator.code].output is OutputRange.SHARED
    ]
    before = -1
    while before < len(covered):
        before = len(covered)
        for operator in (*sharing, *reversed(sharing)):
            group = groups.of(operator.outputs[0])
            results = set(map(id, operator.outputs))
            operands = [tensor for _, tensor in real_operands(operator) if not tensor.is_constant]
            inside = {id(tensor) for tensor in operands if groups.of(tensor) is group}
            if covered >= results:
                covered |= inside
            elif inside and inside == set(map(id, operands)) and covered >= inside:
                covered |= results
