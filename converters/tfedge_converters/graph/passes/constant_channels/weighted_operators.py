"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED read as weighted sums."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.arithmetic.activation import REAL_LIMITS
from tfedge_converters.arithmetic.errors import UndefinedError
from tfedge_converters.arithmetic.fixed_point import channel_multipliers
from tfedge_converters.graph.passes.constant_channels.borders import (
    border_classes,
    window_classes,
)
from tfedge_converters.graph.passes.constant_channels.intervals import (
    channels_of,
    grid_of,
    is_quantized_int8,
)
from tfedge_converters.graph.passes.constant_channels.weighted_sums import WeightedSum
from tfedge_converters.graph.types import Operator, Tensor, TensorType

# Weights times border classes, beyond which their sums would take long.
_MOST_TERMS = 1 << 26

_WEIGHT_TYPES = frozenset({TensorType.INT4, TensorType.INT8})


def weighted_sum(operator: Operator) -> WeightedSum | None:
    """An operator as a sum; None where it is none, or not of a form that is known here."""
    read = _READERS.get(operator.code)
    if read is None or not _is_known(operator):
        return None
    try:
        return read(operator)
    except UndefinedError:
        return None


def _is_known(operator: Operator) -> bool:
    """Whether operands and options are such that readers may rely on them."""
    if not 2 <= len(operator.inputs) <= 3 or len(operator.outputs) != 1 or operator.uint8_semantics:
        return False
    source, weights = operator.inputs[:2]
    return (
        is_quantized_int8(source, operator.outputs[0])
        and source is not None
        and not source.is_constant
        and weights is not None
        and _are_weights(weights)
        and getattr(operator.options, "fusedActivationFunction", None) in REAL_LIMITS
    )


def _are_weights(tensor: Tensor) -> bool:
    grid = tensor.quantization
    return (
        tensor.is_constant
        and tensor.elements > 0
        and tensor.type in _WEIGHT_TYPES
        and grid is not None
        and not np.any(grid.zero_point)
    )


def _are_biases(tensor: Tensor, channels: int) -> bool:
    grid = tensor.quantization
    if not tensor.is_constant or tensor.type != TensorType.INT32 or tensor.elements != channels:
        return False
    if grid is None or not grid.per_channel:
        return True
    return grid.scale.size == channels == tensor.shape[-1] and grid.axis == len(tensor.shape) - 1


def _read_conv_2d(operator: Operator) -> WeightedSum | None:
    source, data = _operands(operator)
    if data.ndim != 4 or len(source.shape) != 4 or data.shape[3] != source.shape[3]:
        return None
    channels, rows, columns, depth = data.shape
    weights = data.reshape(channels, rows * columns, depth)
    borders = _window(operator, rows, columns, data.size)
    return _summed(operator, weights, np.arange(depth)[None, :], borders, axis=0)


def _read_depthwise_conv_2d(operator: Operator) -> WeightedSum | None:
    source, data = _operands(operator)
    multiplier = operator.options.depthMultiplier
    if data.ndim != 4 or len(source.shape) != 4 or data.shape[0] != 1:
        return None
    _, rows, columns, channels = data.shape
    if multiplier < 1 or channels != source.shape[3] * multiplier:
        return None
    weights = data.reshape(rows * columns, channels).T[:, :, None]
    reads = np.arange(channels)[:, None] // multiplier
    borders = _window(operator, rows, columns, data.size)
    return _summed(operator, weights, reads, borders, axis=3)


def _read_fully_connected(operator: Operator) -> WeightedSum | None:
    source, data = _operands(operator)
    plain = schema.FullyConnectedOptionsWeightsFormat.DEFAULT
    if data.ndim != 2 or source.elements % data.shape[1]:
        return None
    if operator.options.weightsFormat != plain:
        return None
    borders, reads = np.ones((1, 1), bool), np.arange(data.shape[1])[None, :]
    return _summed(operator, data[:, None, :], reads, borders, axis=0)


def _operands(operator: Operator) -> tuple[Tensor, np.ndarray]:
    source, weights = operator.inputs[:2]
    assert source is not None and weights is not None and weights.data is not None
    return source, weights.data.astype(np.int64)


def _window(operator: Operator, rows: int, columns: int, weights: int) -> np.ndarray | None:
    """The border classes of a kernel of `rows` x `columns` taps, with so many weights in all."""
    source, output, options = operator.inputs[0], operator.outputs[0], operator.options
    if source is None or len(output.shape) != 4:
        return None
    down, across = (
        border_classes(source.shape[axis], kernel, stride, dilation, padding, output.shape[axis])
        for axis, kernel, stride, dilation, padding in (
            (1, rows, options.strideH, options.dilationHFactor, options.padding),
            (2, columns, options.strideW, options.dilationWFactor, options.padding),
        )
    )
    if down is None or across is None or len(down) * len(across) * weights > _MOST_TERMS:
        return None
    return window_classes(down, across)


def _summed(
    operator: Operator,
    weights: np.ndarray,
    reads: np.ndarray,
    borders: np.ndarray | None,
    axis: int,
) -> WeightedSum | None:
    """The sum, if channels, biases and scales are as many as there should be."""
    channels = len(weights)
    tensor = operator.inputs[1]
    bias = operator.inputs[2] if len(operator.inputs) > 2 else None
    assert tensor is not None and tensor.quantization is not None
    grid = tensor.quantization
    if borders is None or channels_of(operator.outputs[0]) != channels:
        return None
    if grid.per_channel and (grid.axis != axis or grid.scale.size != channels):
        return None
    if bias is not None and not _are_biases(bias, channels):
        return None
    values = np.zeros(channels) if bias is None or bias.data is None else bias.data.reshape(-1)
    scales = np.broadcast_to(grid.scale, (channels,))
    input_scale, output_scale = grid_of(_operands(operator)[0])[0], grid_of(operator.outputs[0])[0]
    multipliers = channel_multipliers(input_scale, scales, output_scale)
    return WeightedSum(operator, weights, values.astype(np.int64), reads, borders, multipliers)


_READERS: dict[str, Callable[[Operator], WeightedSum | None]] = {
    "CONV_2D": _read_conv_2d,
    "DEPTHWISE_CONV_2D": _read_depthwise_conv_2d,
    "FULLY_CONNECTED": _read_fully_connected,
}
