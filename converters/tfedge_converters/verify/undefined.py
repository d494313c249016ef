"""Operators with which TFLite Micro computes from memory that it never sets, and says nothing."""

from __future__ import annotations

from collections.abc import Callable

from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import UnsupportedError
from tfedge_converters.graph import Graph, Operator
from tfedge_converters.graph.passes.batch_padding import pads_batches


def refuse_undefined(graph: Graph) -> None:
    """Refuse a graph whose results in TFLite Micro are whatever its memory holds.

    Raises:
        UnsupportedError: names the operator, and why.
    """
    for operator in graph.operators:
        reason = _UNDEFINED.get(operator.code, _never)(operator)
        if reason:
            raise UnsupportedError(
                f"TFLite Micro cannot run the model: {graph.place(operator)} {reason}"
            )


def _never(_operator: Operator) -> str:
    return ""


def _padded_batches(operator: Operator) -> str:
    if not pads_batches(operator):
        return ""
    return "pads, with a number that TFLite Micro never sets; write it as PAD before it"


def _other_activation(operator: Operator) -> str:
    activation = getattr(operator.options, "fusedActivationFunction", None)
    return "" if activation == schema.ActivationFunctionType.TANH else "has no tanh for its cell"


_UNDEFINED: dict[str, Callable[[Operator], str]] = {
    "SPACE_TO_BATCH_ND": _padded_batches,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _other_activation,
}
