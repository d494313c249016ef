"""From operators to kernel calls, and the words for those that have no kernel."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tfedge.errors import UnsupportedError
from tfedge_converters.arithmetic.errors import UndefinedError
from tfedge_converters.c.kernel_call import Lowered
from tfedge_converters.c.kernels import checks, kernel_for, supported_operators
from tfedge_converters.c.limits import GENERAL, RefusedError
from tfedge_converters.graph.operator_checks import check_ranks, options_of
from tfedge_converters.graph.types import Graph, Operator


def lower(graph: Graph, operator: Operator) -> Lowered:
    """The kernel calls for one operator.

    Raises:
        ModelFileError: its options belong to another operator.
        UnsupportedError: there is no kernel for it, or not for its types and shapes; says which
            operator, where it stands, and what would work.
    """
    kernel = kernel_for(operator)
    if kernel is None:
        raise UnsupportedError(_without_kernels(graph, [operator]))
    check_ranks(graph, operator)
    options = options_of(graph, operator)
    try:
        lowered = kernel.lower(dataclasses.replace(operator, options=options))
        for call in lowered.calls:
            checks.parameters(call.params)
        return lowered
    except UndefinedError as refusal:
        raise UnsupportedError(f"{graph.place(operator)}: {refusal}") from None
    except RefusedError as refusal:
        # Docs list the limits of a kernel, and they would say less than what it refuses.
        known = refusal.limit in (*GENERAL, *kernel.limits)
        assert known, f"{kernel.operator} registers no limit '{refusal.limit.words}'"
        raise UnsupportedError(f"{graph.place(operator)}: {refusal}") from None


def refuse_operators_without_kernels(graph: Graph, operators: Sequence[Operator]) -> None:
    """Refuse a graph for operators that nothing about their types or shapes could mend.

    Args:
        graph: where they stand, for the message.
        operators: those that are to be lowered.

    Raises:
        UnsupportedError: some have no kernel at all; custom ones are named first.
    """
    missing = [operator for operator in operators if kernel_for(operator) is None]
    if missing:
        missing.sort(key=lambda operator: operator.code != "CUSTOM")
        raise UnsupportedError(_without_kernels(graph, missing))


def _without_kernels(graph: Graph, operators: Sequence[Operator]) -> str:
    more = sorted({operator.name for operator in operators} - {operators[0].name})
    others = f", nor have {', '.join(more)}" if more else ""
    if operators[0].code == "CUSTOM":
        return (
            f"{graph.place(operators[0])} is a custom operator, for which there is no C kernel"
            f"{others}. Compute it outside of the model, or convert for an interpreter that has it "
            "registered"
        )
    return (
        f"{graph.place(operators[0])} has no C kernel{others}. Supported are "
        f"{', '.join(supported_operators())}. Replace the layer, or convert for TFLite Micro."
    )
