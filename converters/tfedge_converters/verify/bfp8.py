"""Models in block floating point, computed in Python: no interpreter has that arithmetic.

What is computed is in `arithmetic/block_floating_point.py`; here are the operators over it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.errors import UnsupportedError
from tfedge_converters.arithmetic import block_floating_point as bfp8
from tfedge_converters.arithmetic.activation import CLAMP_LIMITS, REAL_LIMITS
from tfedge_converters.arithmetic.block_floating_point import Block
from tfedge_converters.c.block_floating_point import in_block_floating_point
from tfedge_converters.c.lowering import lower
from tfedge_converters.graph import Graph, Model, Operator, Tensor
from tfedge_converters.graph.metadata import computes_in_bfp8
from tfedge_converters.graph.single_graph import single_graph

# A tensor, or real numbers at the ends of a graph.
_Value = Block | np.ndarray
_Compute = Callable[[Operator, Sequence[Any]], _Value]
_Limits = tuple[float | None, float | None]
_NO_LIMITS: _Limits = (None, None)


def run_bfp8(model: Model, samples: Sequence[Sequence[np.ndarray]]) -> list[list[np.ndarray]]:
    """The float32 outputs of samples.

    Args:
        model: whose metadata asks for this arithmetic.
        samples: float32 values for its inputs.

    Raises:
        UnsupportedError: it does not ask for it, or C cannot be generated of it.
    """
    if not computes_in_bfp8(model.metadata):
        raise UnsupportedError("the model is not one of integers with exponents found at run time")
    graph = in_block_floating_point(single_graph(model, "block floating point"))
    for operator in graph.operators:
        lower(graph, operator)
    return [_run(graph, sample) for sample in samples]


def _run(graph: Graph, sample: Sequence[np.ndarray]) -> list[np.ndarray]:
    known: dict[int, Any] = {
        id(tensor): value for tensor, value in zip(graph.inputs, sample, strict=True)
    }
    for operator in graph.operators:
        operands = [known[id(t)] for t in operator.inputs if t is not None and id(t) in known]
        (output,) = operator.outputs
        result = _OPERATORS[operator.code](operator, operands)
        if isinstance(result, Block):
            values = result.values.reshape(output.shape)
            result = dataclasses.replace(result, values=values)
        known[id(output)] = result
    return [known[id(tensor)] for tensor in graph.outputs]


def _largest(operator: Operator) -> int:
    """The largest integer of an operator's output."""
    return bfp8.UNSIGNED if operator.outputs[0].is_unsigned else bfp8.SIGNED


def _fused(operator: Operator) -> _Limits:
    return REAL_LIMITS[operator.options.fusedActivationFunction]


def _dense(operator: Operator, operands: Sequence[Block]) -> Block:
    (x,) = operands
    weights = _constant(operator, 1)
    sums = x.values.reshape(-1, weights.shape[1]) @ weights.T
    return _of_sums(operator, sums, x, weights)


def _conv_2d(operator: Operator, operands: Sequence[Block]) -> Block:
    (x,) = operands
    weights = _constant(operator, 1)
    channels, height, width, depth = weights.shape
    groups = x.values.shape[3] // depth
    batches, rows, columns = operator.outputs[0].shape[:3]
    sums = np.zeros((batches, rows, columns, groups, channels // groups), np.int64)
    by_group = weights.reshape(groups, channels // groups, height, width, depth)
    for (y, x_), values in _taps(operator, x.values, (height, width), 0):
        grouped = values.reshape(*values.shape[:3], groups, depth)
        sums += np.einsum("bijgk,gck->bijgc", grouped, by_group[:, :, y, x_])
    return _of_sums(
        operator, sums.reshape(batches, rows, columns, channels), x,
        weights.reshape(channels, -1),
    )  # fmt: skip


def _depthwise_conv_2d(operator: Operator, operands: Sequence[Block]) -> Block:
    (x,) = operands
    weights = _constant(operator, 1)[0]
    height, width, channels = weights.shape
    each = channels // x.values.shape[3]
    sums = np.zeros(operator.outputs[0].shape, np.int64)
    for (y, x_), values in _taps(operator, x.values, (height, width), 0):
        sums += np.repeat(values, each, axis=3) * weights[y, x_]
    by_channel = np.moveaxis(weights, 2, 0).reshape(channels, -1)
    return _of_sums(operator, sums, x, by_channel)


def _of_sums(operator: Operator, sums: np.ndarray, x: Block, weights: np.ndarray) -> Block:
    """Scales sums, channels last; weights: (channels, products an output)."""
    grid = _operand(operator, 1).quantization
    assert grid is not None
    has_bias = len(operator.inputs) > 2 and operator.inputs[2] is not None
    bias = _operand(operator, 2).data if has_bias else np.zeros(len(weights), np.float32)
    assert bias is not None
    scales = bfp8.sum_scales(weights, grid.scale, bias.reshape(-1), x.largest)
    return bfp8.of_sums(sums, x.exponent, scales, _fused(operator), _largest(operator))


def _max_pool(operator: Operator, operands: Sequence[Block]) -> Block:
    (x,) = operands
    window = (operator.options.filterHeight, operator.options.filterWidth)
    taps = [values for _, values in _taps(operator, x.values, window, -bfp8.SIGNED)]
    largest = Block(np.max(taps, axis=0), x.exponent)
    return bfp8.clamped(largest, _fused(operator), _largest(operator))


def _average_pool(operator: Operator, operands: Sequence[Block]) -> Block:
    (x,) = operands
    window = (operator.options.filterHeight, operator.options.filterWidth)
    sums, counts = (
        np.sum([taken for _, taken in _taps(operator, values, window, 0)], axis=0)
        for values in (x.values, np.ones_like(x.values))
    )
    most = min(window[0], x.values.shape[1]) * min(window[1], x.values.shape[2])
    left = bfp8.mean_left(most, x.largest)
    return bfp8.of_means(sums, counts, x.exponent, left, _fused(operator), _largest(operator))


def _mean(operator: Operator, operands: Sequence[Block]) -> Block:
    (x,) = operands
    count = x.values.shape[1] * x.values.shape[2]
    sums = x.values.sum(axis=(1, 2))
    left = bfp8.mean_left(count, x.largest)
    counts = np.full_like(sums, count)
    return bfp8.of_means(sums, counts, x.exponent, left, _NO_LIMITS, _largest(operator))


def _taps(
    operator: Operator, values: np.ndarray, window: tuple[int, int], outside: int
) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """For each place in a window, (y, x), the values there, of the output's height and width."""
    o = operator.options
    stride = o.strideH, o.strideW
    dilation = getattr(o, "dilationHFactor", 1), getattr(o, "dilationWFactor", 1)
    rows, columns = operator.outputs[0].shape[1:3]
    same = o.padding == schema.Padding.SAME
    before, after = [], []
    for axis, size in enumerate((rows, columns)):
        extent = (window[axis] - 1) * dilation[axis] + 1
        needed = (size - 1) * stride[axis] + extent
        missing = max(needed - values.shape[1 + axis], 0)
        before.append(missing // 2 if same else 0)
        after.append(missing)
    padded = np.pad(
        values,
        ((0, 0), (before[0], after[0]), (before[1], after[1]), (0, 0)),
        constant_values=outside,
    )
    for y in range(window[0]):
        for x in range(window[1]):
            top, left = y * dilation[0], x * dilation[1]
            yield (
                (y, x),
                padded[:, top :: stride[0], left :: stride[1]][:, :rows, :columns],
            )


def _quantize(_operator: Operator, operands: Sequence[np.ndarray]) -> Block:
    return bfp8.of_real(operands[0])


def _dequantize(_operator: Operator, operands: Sequence[Block]) -> np.ndarray:
    return bfp8.to_real(operands[0])


def _add(operator: Operator, operands: Sequence[Block]) -> Block:
    a, b = operands
    return bfp8.added(a, b, _fused(operator), _largest(operator))


def _clamp(operator: Operator, operands: Sequence[Block]) -> Block:
    return bfp8.clamped(operands[0], CLAMP_LIMITS[operator.code], _largest(operator))


def _softmax(operator: Operator, operands: Sequence[Block]) -> Block:
    return bfp8.softmax(operands[0], float(operator.options.beta))


def _logistic(_operator: Operator, operands: Sequence[Block]) -> Block:
    return bfp8.logistic(operands[0])


def _view(_operator: Operator, operands: Sequence[Block]) -> Block:
    return operands[0]


def _operand(operator: Operator, position: int) -> Tensor:
    tensor = operator.inputs[position]
    assert tensor is not None
    return tensor


def _constant(operator: Operator, position: int) -> np.ndarray:
    data = _operand(operator, position).data
    assert data is not None
    return data.astype(np.int64)


_OPERATORS: dict[str, _Compute] = {
    "ADD": _add,
    "AVERAGE_POOL_2D": _average_pool,
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "DEQUANTIZE": _dequantize,
    "EXPAND_DIMS": _view,
    "FULLY_CONNECTED": _dense,
    "LOGISTIC": _logistic,
    "MAX_POOL_2D": _max_pool,
    "MEAN": _mean,
    "QUANTIZE": _quantize,
    "RESHAPE": _view,
    "SOFTMAX": _softmax,
    "SQUEEZE": _view,
    **dict.fromkeys(CLAMP_LIMITS, _clamp),
}
