"""Removal of channels from operators and tensors."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np

from tfedge_converters.graph.passes.constant_channels.intervals import channels_of, grid_of
from tfedge_converters.graph.passes.constant_channels.liveness import Liveness
from tfedge_converters.graph.passes.constant_channels.propagation import Propagation, Readings
from tfedge_converters.graph.passes.constant_channels.weighted_sums import WeightedSum
from tfedge_converters.graph.types import Graph, Operator, Quantization, Tensor, TensorType


def remove_channels(
    graph: Graph, readings: Readings, intervals: Propagation, liveness: Liveness
) -> None:
    """Remove what does not stay, in place; constants that others share are replaced.

    Args:
        graph: whose operators, and whose activations' shapes, change.
        readings: its operators as they were before.
        intervals: what constant channels are, whose contributions go to the biases of their
            readers.
        liveness: which channels stay.
    """
    for operator in graph.operators:
        reading = readings.get(id(operator))
        if isinstance(reading, WeightedSum):
            _cut_sum(reading, intervals, liveness)
    shrunk = {
        id(tensor): tensor
        for operator in graph.operators
        for tensor in operator.outputs
        if len(liveness.kept(tensor)) < channels_of(tensor)
    }
    shapes = {
        key: (*tensor.shape[:-1], len(liveness.kept(tensor))) for key, tensor in shrunk.items()
    }
    for key, tensor in shrunk.items():
        tensor.shape, tensor.shape_signature = shapes[key], None
    for operator in graph.operators:
        if operator.code == "RESHAPE" and id(operator.outputs[0]) in shrunk:
            _reshape_to(operator, operator.outputs[0])


def _cut_sum(reading: WeightedSum, intervals: Propagation, liveness: Liveness) -> None:
    operator, channels = reading.operator, liveness.kept(reading.output)
    weights, bias = operator.inputs[1], (*operator.inputs, None)[2]
    assert weights is not None
    if reading.is_dense:
        columns = liveness.kept_columns(reading)
        gone = np.setdiff1d(np.arange(reading.columns), columns)
        axes = {0: channels, len(weights.shape) - 1: columns}
        added = reading.contribution(intervals.of_columns(reading), gone)
    else:
        axes, added = {3: channels}, np.zeros(len(reading.weights), np.int64)
    values = (reading.bias + added)[channels]
    if all(len(kept) == weights.shape[axis] for axis, kept in axes.items()):
        return
    if bias is not None or added.any():
        bias = _bias_of(reading, weights) if bias is None else bias
        bias = _cut(bias, {len(bias.shape) - 1: channels})
        bias.data = values.astype(np.int32).reshape(bias.shape)
        operator.inputs[2:] = [bias]
    operator.inputs[1] = _cut(weights, axes)


def _cut(constant: Tensor, axes: dict[int, np.ndarray]) -> Tensor:
    """Cut a constant down to what is left, with its scales."""
    data, grid = constant.data, constant.quantization
    assert data is not None
    for axis, kept in axes.items():
        data = data.take(kept, axis)
    if grid is not None and grid.per_channel and grid.axis in axes:
        kept = axes[grid.axis]
        grid = Quantization(grid.scale[kept], grid.zero_point[kept], grid.axis)
    return dataclasses.replace(
        constant,
        data=np.ascontiguousarray(data),
        shape=data.shape,
        shape_signature=None,
        quantization=grid,
        shared_values=_shared_values(constant, data),
    )


def _shared_values(constant: Tensor, left: np.ndarray) -> int | None:
    """How many values weights share, of which some may only have been in what is gone."""
    shared = constant.shared_values
    if shared is None or constant.data is None or shared != len(np.unique(constant.data)):
        return shared
    return len(np.unique(left))


def _bias_of(reading: WeightedSum, weights: Tensor) -> Tensor:
    """Biases of 0 for a sum that has none."""
    assert weights.quantization is not None
    scale = grid_of(reading.source)[0] * weights.quantization.scale
    shape = (len(reading.weights),)
    return Tensor(
        f"{reading.output.name}_bias",
        shape,
        TensorType.INT32,
        Quantization(scale.astype(np.float32), np.zeros(scale.size, np.int64)),
        np.zeros(shape, np.int32),
    )


def _reshape_to(operator: Operator, output: Tensor) -> None:
    """Say the new shape wherever an operator says it."""
    if len(operator.inputs) > 1 and operator.inputs[1] is not None:
        shape = operator.inputs[1]
        assert shape.data is not None
        data = np.array(output.shape, shape.data.dtype)
        operator.inputs[1] = dataclasses.replace(shape, data=data, shape=data.shape)
    if operator.options is not None and operator.options.newShape is not None:
        operator.options = copy.copy(operator.options)
        operator.options.newShape = np.array(output.shape, np.int32)
