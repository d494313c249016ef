"""Operators that interpreters must not see: they end the whole process, or use what is not set."""

from __future__ import annotations

from collections.abc import Callable

from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import UnsupportedError
from tfedge_converters.graph import Graph, Operator, Tensor, TensorType
from tfedge_converters.graph.passes.batch_padding import pads_batches

LITERT = "LiteRT"
MICRO = "TFLite Micro"

_SUM_FRACTION_BITS = 20


def refuse_what_crashes(graph: Graph, interpreter: str) -> None:
    """Refuses a graph that an interpreter must not see.

    Args:
        graph: what it would run.
        interpreter: LITERT or MICRO.

    Raises:
        UnsupportedError: names the operator, and why.
    """
    for operator in graph.operators:
        reason = _CRASHES[interpreter].get(operator.code, _never)(operator)
        if reason:
            raise UnsupportedError(
                f"{interpreter} cannot run the model: {graph.place(operator)} {reason}"
            )


def _never(_operator: Operator) -> str:
    return ""


def _without_bias(operator: Operator) -> str:
    return "has no bias" if (*operator.inputs, None)[2] is None else ""


def _coarse_operand(operator: Operator) -> str:
    scales = _scales([tensor for tensor in operator.inputs if tensor is not None])
    return "compares values of a scale of 1 or more" if max(scales, default=0) >= 1 else ""


def _fine_sum(operator: Operator) -> str:
    operands = _scales([tensor for tensor in operator.inputs if tensor is not None])
    results = _scales(operator.outputs)
    if not operands or not results:
        return ""
    least = 2 * max(operands) / (1 << _SUM_FRACTION_BITS)
    return "has a result of too small a scale" if results[0] <= least else ""


def _padded_batches(operator: Operator) -> str:
    if not pads_batches(operator):
        return ""
    return "pads, with a number that TFLite Micro never sets; write it as PAD before it"


def _other_activation(operator: Operator) -> str:
    activation = getattr(operator.options, "fusedActivationFunction", None)
    return "" if activation == schema.ActivationFunctionType.TANH else "has no tanh for its cell"


def _scales(tensors: list[Tensor]) -> list[float]:
    return [
        float(tensor.quantization.scale[0])
        for tensor in tensors
        if tensor.type == TensorType.INT8 and tensor.quantization is not None
    ]


_ORDERS: dict[str, Callable[[Operator], str]] = dict.fromkeys(
    ("GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"), _coarse_operand
)

_CRASHES: dict[str, dict[str, Callable[[Operator], str]]] = {
    LITERT: {"ADD": _fine_sum, **_ORDERS},
    MICRO: {
        "ADD": _fine_sum,
        "ADD_N": _fine_sum,
        "CUMSUM": _fine_sum,
        "DEPTHWISE_CONV_2D": _without_bias,
        "EQUAL": _coarse_operand,
        "NOT_EQUAL": _coarse_operand,
        "SPACE_TO_BATCH_ND": _padded_batches,
        "SUB": _fine_sum,
        "UNIDIRECTIONAL_SEQUENCE_LSTM": _other_activation,
        **_ORDERS,
    },
}
