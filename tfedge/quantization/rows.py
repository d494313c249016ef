"""Which row of the tables a call is quantised by, and why not."""

from __future__ import annotations

import itertools
from typing import Any

import keras

from tfedge.errors import UnsupportedError
from tfedge.keras_graph.computation import Call, Value
from tfedge.keras_graph.kinds import described
from tfedge.quantization.builders import Row
from tfedge.quantization.layer_table import row_of
from tfedge.quantization.operator_factory import Operand

WAYS_OUT = (
    "; say how it is quantised with tfedge.quantization.register, leave it in float with "
    "tfedge.quantize(…, unknown='float'), or convert the float model with calibration data"
)


def row_for(call: Call) -> Row:
    """How a call is quantised.

    Raises:
        UnsupportedError: it is not; the message says why.
    """
    reason = why_not(call)
    row = row_of(call.operation)
    if row is None or reason:
        raise UnsupportedError(reason + WAYS_OUT)
    return row


def why_not(call: Call) -> str:
    """Why a call is not quantised as a whole, in a sentence; empty if it is."""
    row = row_of(call.operation)
    if row is None:
        return f"{described(call.operation)} is of a kind that cannot be quantised"
    reason = row.why_not(call)
    return f"{described(call.operation)} {reason}" if reason else ""


def arguments_of(call: Call) -> dict[str, Any]:
    """A call's arguments by name, with the numbers of its operands in their places."""
    numbers = itertools.count()
    args, kwargs = keras.tree.map_structure(
        lambda item: Operand(next(numbers)) if isinstance(item, Value) else item,
        (call.args, call.kwargs),
    )
    return Call(call.operation, args, kwargs, []).arguments
