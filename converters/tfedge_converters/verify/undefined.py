"""Operators that TFLite Micro computes from memory that is not theirs, and says nothing."""

from __future__ import annotations

from collections.abc import Callable

from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import UnsupportedError
from tfedge_converters.graph import Graph, Operator, TensorType
from tfedge_converters.graph.lstm_operands import INPUT, RECURRENT_WEIGHTS
from tfedge_converters.graph.passes.batch_padding import pads_batches
from tfedge_converters.graph.real_operators import is_real_activation


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


def _other_lstm(operator: Operator) -> str:
    activation = getattr(operator.options, "fusedActivationFunction", None)
    if activation != schema.ActivationFunctionType.TANH:
        return "has no tanh for its cell"
    weights = operator.inputs[RECURRENT_WEIGHTS[-1]]
    is_real = is_real_activation(operator.inputs[INPUT])
    if is_real and weights is not None and weights.type != TensorType.FLOAT32:
        return f"has {weights.type.name} weights, which it reads as real numbers"
    return ""


_UNDEFINED: dict[str, Callable[[Operator], str]] = {
    "SPACE_TO_BATCH_ND": _padded_batches,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _other_lstm,
}
