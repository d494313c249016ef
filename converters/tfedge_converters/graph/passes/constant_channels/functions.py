"""Operators on int8 whose every result channel comes from one channel of one operand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tfedge_converters.arithmetic import tables
from tfedge_converters.arithmetic.activation import REAL_LIMITS, integer_limits
from tfedge_converters.arithmetic.errors import UndefinedError
from tfedge_converters.arithmetic.fixed_point import INT32_MAX, mean_multiplier, requantize
from tfedge_converters.arithmetic.hard_swish import hard_swish_table
from tfedge_converters.graph.passes.constant_channels.intervals import (
    INT8_MAX,
    INT8_MIN,
    Intervals,
    channels_in_rows,
    channels_of,
    grid_of,
    is_quantized_int8,
    of_constant,
)
from tfedge_converters.graph.types import Operator, Tensor


@dataclass(frozen=True, eq=False)
class ChannelFunction:
    """How an operator makes the channels of its result.

    Attributes:
        operator: what computes it.
        reads: the channel of the first operand that each channel of the result comes from.
        results: from the intervals of these, in the result's order, and the slack of rounding, to
            the result's.
    """

    operator: Operator
    reads: np.ndarray
    results: Callable[[Intervals, int], Intervals]


def channel_function(operator: Operator) -> ChannelFunction | None:
    """An operator as a function of channels; None where it is none, or not known here."""
    read = _READERS.get(operator.code)
    if read is None or not _is_known(operator):
        return None
    try:
        return read(operator)
    except UndefinedError:
        return None


def _is_known(operator: Operator) -> bool:
    if not operator.inputs or len(operator.outputs) != 1 or operator.uint8_semantics:
        return False
    source, *others = operator.inputs
    return (
        is_quantized_int8(source, operator.outputs[0])
        and not any(tensor is None or not tensor.is_constant for tensor in others)
        and source is not None
        and not source.is_constant
    )


def _source_and_output(operator: Operator) -> tuple[Tensor, Tensor]:
    source = operator.inputs[0]
    assert source is not None
    return source, operator.outputs[0]


def _every(operator: Operator) -> np.ndarray | None:
    """Each channel from the one of the same number, if there are as many."""
    source, output = _source_and_output(operator)
    channels = channels_of(output)
    return np.arange(channels) if channels == channels_of(source) else None


def _made(
    operator: Operator,
    reads: np.ndarray | None,
    results: Callable[[Intervals, int], Intervals],
) -> ChannelFunction | None:
    return None if reads is None else ChannelFunction(operator, reads, results)


def _read_pool(operator: Operator) -> ChannelFunction | None:
    """Means and maxima of integers lie between the least and the largest; padding is left out."""
    source, output = _source_and_output(operator)
    activation = getattr(operator.options, "fusedActivationFunction", None)
    if activation not in REAL_LIMITS or grid_of(source) != grid_of(output):
        return None
    limits = integer_limits(activation, *grid_of(output))
    return _made(operator, _every(operator), lambda operand, slack: operand.clipped(*limits))


def _read_reshape(operator: Operator) -> ChannelFunction | None:
    source, output = _source_and_output(operator)
    if source.elements != output.elements:
        return None
    reads = channels_in_rows(source, channels_of(output))
    return _made(operator, reads, lambda operand, slack: operand)


def _read_pad(operator: Operator) -> ChannelFunction | None:
    """Read a padding of channels by one integer, a constant or the zero point."""
    if len(operator.inputs) > 2:
        value = operator.inputs[2]
        if value is None or not is_quantized_int8(value) or value.elements != 1:
            return None
        padding = int(of_constant(value).low[0])
    else:
        padding = grid_of(operator.outputs[0])[1]

    def results(operand: Intervals, slack: int) -> Intervals:
        return Intervals(np.minimum(operand.low, padding), np.maximum(operand.high, padding))

    return _made(operator, _every(operator), results)


def _read_mean(operator: Operator) -> ChannelFunction | None:
    """The sum of as many values as are averaged, rescaled; it rises with every value."""
    source, output = _source_and_output(operator)
    axes = operator.inputs[1] if len(operator.inputs) == 2 else None
    if axes is None or axes.data is None or not source.shape:
        return None
    rank, last = len(source.shape), len(source.shape) - 1
    reduced = {int(axis) % rank for axis in axes.data.reshape(-1)}
    count = source.elements // output.elements
    (scale, zero_point), (out_scale, out_zero_point) = grid_of(source), grid_of(output)
    if last in reduced or count < 1:
        return None
    multiplier, shift = mean_multiplier(scale, out_scale, count)
    if count * 256 > INT32_MAX >> max(shift, 0):
        return None

    def mean(values: np.ndarray) -> np.ndarray:
        return requantize((values - zero_point) * count, multiplier, shift) + out_zero_point

    def results(operand: Intervals, slack: int) -> Intervals:
        found = Intervals(mean(operand.low) - slack, mean(operand.high) + slack)
        return found.clipped(INT8_MIN, INT8_MAX)

    return _made(operator, _every(operator), results)


def _read_table(operator: Operator) -> ChannelFunction | None:
    source, output = _source_and_output(operator)
    if source.shape != output.shape:
        return None
    by_byte = _TABLES[operator.code](operator, source, output)
    if by_byte is None:
        return None
    table = np.roll(by_byte, -INT8_MIN)  # from the order of bytes to that of values

    def results(operand: Intervals, slack: int) -> Intervals:
        parts = [
            table[low - INT8_MIN : high - INT8_MIN + 1]
            for low, high in zip(operand.low, operand.high, strict=True)
        ]
        low = np.array([part.min() for part in parts])
        return Intervals(low, np.array([part.max() for part in parts])).widened(slack)

    return _made(operator, _every(operator), results)


def _quantize(operator: Operator, source: Tensor, output: Tensor) -> np.ndarray:
    grids = (*grid_of(source), *grid_of(output))
    return tables.requantize_table(tables.SIGNED, *grids, INT8_MIN, INT8_MAX)


def _relu(operator: Operator, source: Tensor, output: Tensor) -> np.ndarray:
    grids = (*grid_of(source), *grid_of(output))
    return tables.requantize_table(tables.SIGNED, *grids, grid_of(output)[1], INT8_MAX)


def _relu6(operator: Operator, source: Tensor, output: Tensor) -> np.ndarray | None:
    same = grid_of(source) == grid_of(output)
    return tables.clamp_table(*grid_of(source), upper=6.0) if same else None


def _leaky_relu(operator: Operator, source: Tensor, output: Tensor) -> np.ndarray | None:
    alpha = getattr(operator.options, "alpha", None)
    if alpha is None:
        return None
    return tables.leaky_relu_table(*grid_of(source), *grid_of(output), alpha=float(alpha))


def _hard_swish(operator: Operator, source: Tensor, output: Tensor) -> np.ndarray:
    return hard_swish_table(*grid_of(source), *grid_of(output))


def _logistic(operator: Operator, source: Tensor, output: Tensor) -> np.ndarray | None:
    fixed = grid_of(output) == (np.float32(1 / 256), -128)
    return tables.logistic_table(*grid_of(source)) if fixed else None


def _tanh(operator: Operator, source: Tensor, output: Tensor) -> np.ndarray | None:
    fixed = grid_of(output) == (np.float32(1 / 128), 0)
    return tables.tanh_table(*grid_of(source)) if fixed else None


# In the order of bytes; None where scales are not those that the reference computes with.
_TABLES: dict[str, Callable[[Operator, Tensor, Tensor], np.ndarray | None]] = {
    "HARD_SWISH": _hard_swish,
    "LEAKY_RELU": _leaky_relu,
    "LOGISTIC": _logistic,
    "QUANTIZE": _quantize,
    "RELU": _relu,
    "RELU6": _relu6,
    "TANH": _tanh,
}

_READERS: dict[str, Callable[[Operator], ChannelFunction | None]] = {
    **dict.fromkeys(_TABLES, _read_table),
    "AVERAGE_POOL_2D": _read_pool,
    "MAX_POOL_2D": _read_pool,
    "MEAN": _read_mean,
    "PAD": _read_pad,
    "PADV2": _read_pad,
    "RESHAPE": _read_reshape,
}
