"""Operators on int8 that make one tensor of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.arithmetic import byte_pairs
from tfedge_converters.arithmetic.activation import REAL_LIMITS, integer_limits
from tfedge_converters.arithmetic.byte_pairs import Grid
from tfedge_converters.arithmetic.errors import UndefinedError
from tfedge_converters.graph.passes.constant_channels.intervals import (
    INT8_MIN,
    Intervals,
    channels_of,
    grid_of,
    is_quantized_int8,
)
from tfedge_converters.graph.types import Operator

_NO_ACTIVATION = schema.ActivationFunctionType.NONE


def joined(operator: Operator, operands: Sequence[Intervals], slack: int) -> Intervals | None:
    """Which integers the channels of a sum, difference, product or concatenation can be.

    Args:
        operator: any.
        operands: of its inputs.
        slack: by how much an interpreter may round away from TFLite Micro.

    Returns:
        None where it is none of these, or not of a form that is known here.
    """
    join = _JOINS.get(operator.code)
    if join is None or operator.uint8_semantics or len(operator.outputs) != 1:
        return None
    if not is_quantized_int8(*operator.inputs, *operator.outputs):
        return None
    try:
        return join(operator, operands, slack)
    except UndefinedError:
        return None


def _concatenation(
    operator: Operator, operands: Sequence[Intervals], slack: int
) -> Intervals | None:
    output, options = operator.outputs[0], operator.options
    same = all(t is not None and grid_of(t) == grid_of(output) for t in operator.inputs)
    if not same or getattr(options, "fusedActivationFunction", None) != _NO_ACTIVATION:
        return None
    lows, highs = [item.low for item in operands], [item.high for item in operands]
    if options.axis in (-1, len(output.shape) - 1):
        return Intervals(np.concatenate(lows), np.concatenate(highs))
    if any(len(low) != channels_of(output) for low in lows):
        return None
    return Intervals(np.min(lows, axis=0), np.max(highs, axis=0))


def _pairs(table: Callable[[Grid, Grid, Grid], np.ndarray]) -> Join:
    """The rule of an operator whose results lie, for two intervals, between those of their ends."""

    def join(operator: Operator, operands: Sequence[Intervals], slack: int) -> Intervals | None:
        output = operator.outputs[0]
        activation = getattr(operator.options, "fusedActivationFunction", None)
        fit = all(len(item.low) in (1, channels_of(output)) for item in operands)
        if len(operands) != 2 or not fit or activation not in REAL_LIMITS:
            return None
        grids = [grid_of(tensor) for tensor in (*operator.inputs, output) if tensor is not None]
        results = table(*grids)
        (a_low, a_high), (b_low, b_high) = (
            np.broadcast_to([item.low, item.high], (2, channels_of(output))) - INT8_MIN
            for item in operands
        )
        corners = [results[a, b] for a in (a_low, a_high) for b in (b_low, b_high)]
        found = Intervals(np.min(corners, axis=0) - slack, np.max(corners, axis=0) + slack)
        return found.clipped(*integer_limits(activation, *grid_of(output)))

    return join


def _difference_table(a: Grid, b: Grid, output: Grid) -> np.ndarray:
    return byte_pairs.sum_table(a, b, output, sign=-1)


Join = Callable[[Operator, Sequence[Intervals], int], Intervals | None]

_JOINS: dict[str, Join] = {
    "ADD": _pairs(byte_pairs.sum_table),
    "CONCATENATION": _concatenation,
    "MUL": _pairs(byte_pairs.product_table),
    "SUB": _pairs(_difference_table),
}
