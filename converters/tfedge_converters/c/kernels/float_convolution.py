"""CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED of real numbers.

Weights are stored in float32, or in float16 where a DEQUANTIZE made them real (`half_weights.py`);
integers are for `dynamic.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfedge_converters.c.kernel_call import KernelCall, Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.convolution import check_depthwise, convolution_operands, groups_of
from tfedge_converters.c.kernels.dynamic import (
    dense_call,
    window_call,
    window_sizes,
)
from tfedge_converters.c.kernels.fully_connected import PRODUCTS, UNSHUFFLED, dense_operands
from tfedge_converters.c.kernels.geometry import WINDOWS, output_steps, steps_of, windows_of
from tfedge_converters.c.kernels.requantization import (
    BIAS,
    FUSED,
    INT8_WEIGHTS,
    WEIGHTS,
    real_limits,
)
from tfedge_converters.c.kernels.stored_weights import (
    FINITE,
    StoredWeights,
    real_bias,
    stored_weights,
)
from tfedge_converters.c.kernels.transposed_convolution import (
    GEOMETRY,
    phases,
    transposed_operands,
)
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

_REAL = (WEIGHTS, BIAS, FUSED, FINITE)
_DENSE = (*_REAL, *INT8_WEIGHTS, PRODUCTS)


@kernel("FULLY_CONNECTED", "float32", limits=(UNSHUFFLED, *_DENSE))
def lower_fully_connected(operator: Operator) -> Lowered:
    """[..., depth] with weights [channels, depth]."""
    rows, source, matrix, bias, output = dense_operands(operator, checks.real)
    channels = output.shape[-1]
    limits = real_limits(operator.options.fusedActivationFunction)
    if matrix.type == TensorType.INT8:
        return dense_call(operator, source, matrix, {"bias": real_bias(bias, channels), **limits})
    weights = stored_weights(matrix)
    matmul = _matmul_fields(weights, weights.values, bias, channels, limits)
    return Lowered((_rows_call(source, output, weights.form, rows, matmul),))


@kernel("CONV_2D", "float32", limits=(*_DENSE, WINDOWS))
def lower_conv_2d(operator: Operator) -> Lowered:
    """[n, h, w, c] with weights [channels, kernel_height, kernel_width, c / groups]."""
    source, tensor, bias = convolution_operands(operator, checks.real)
    output, options = operator.outputs[0], operator.options
    channels, height, width, depth = tensor.shape
    groups = groups_of(source, tensor)
    windows = windows_of(operator, source, (height, width))
    size = (windows[0].output, windows[1].output)
    checks.shape(output, (source.shape[0], *size, channels))
    limits = real_limits(options.fusedActivationFunction)
    if tensor.type == TensorType.INT8:
        fields = _window_fields(operator, source, (height, width), size, groups)
        fields |= {"bias": real_bias(bias, channels), **limits}
        call = window_call("conv_2d_dynamic", source, output, tensor, fields)
        return Lowered((call,), detail=f"{height}x{width}")
    weights = stored_weights(tensor)
    matmul = _matmul_fields(weights, weights.values, bias, channels // groups, limits)
    if groups == height == width == 1 and output.shape[:3] == source.shape[:3]:
        rows = source.elements // depth
        call = _rows_call(source, output, weights.form, rows, matmul)
    else:
        part = _Part(
            weights.form, groups, (height, width), size, steps_of(operator, windows), matmul
        )
        call = _strided_call(source, output, part, (1, 1), (0, 0))
    return Lowered((call,), detail=f"{height}x{width}")


@kernel("TRANSPOSE_CONV", "float32", limits=(*_REAL, *GEOMETRY))
def lower_transpose_conv(operator: Operator) -> Lowered:
    """[n, h, w, c] with weights [channels, kernel_height, kernel_width, c], spread by a stride."""
    source, tensor, bias = transposed_operands(operator)
    output, options = operator.outputs[0], operator.options
    checks.real(source, output)
    limits = real_limits(options.fusedActivationFunction)
    weights = stored_weights(tensor)
    calls = []
    for phase in phases(operator, weights.values):
        matmul = _matmul_fields(weights, phase.weights, bias, tensor.shape[0], limits)
        kernel_size = (phase.weights.shape[1], phase.weights.shape[2])
        part = _Part(weights.form, 1, kernel_size, phase.output_size, phase.steps, matmul)
        stride = (options.strideH, options.strideW)
        calls.append(_strided_call(source, output, part, stride, phase.first))
    return Lowered(tuple(calls), detail=f"{tensor.shape[1]}x{tensor.shape[2]}")


@kernel("DEPTHWISE_CONV_2D", "float32", limits=(*_DENSE, WINDOWS))
def lower_depthwise_conv_2d(operator: Operator) -> Lowered:
    """[n, h, w, c] with weights [1, kernel_height, kernel_width, c * depth_multiplier]."""
    source, tensor, bias = convolution_operands(operator, checks.real)
    output, options = operator.outputs[0], operator.options
    check_depthwise(operator, source, tensor)
    _, height, width, channels = tensor.shape
    windows = windows_of(operator, source, (height, width))
    size = (windows[0].output, windows[1].output)
    checks.shape(output, (source.shape[0], *size, channels))
    limits = real_limits(options.fusedActivationFunction)
    if tensor.type == TensorType.INT8:
        fields = _window_fields(operator, source, (height, width), size, source.shape[3])
        fields |= {"bias": real_bias(bias, channels), **limits}
        call = window_call("depthwise_conv_2d_dynamic", source, output, tensor, fields)
        return Lowered((call,), detail=f"{height}x{width}")
    weights = stored_weights(tensor)
    call = KernelCall(
        kernel=f"depthwise_conv_2d_{weights.form}",
        header="depthwise_conv_2d_f32",
        struct="depthwise_conv_2d_f32",
        params={
            "batches": source.shape[0],
            "input_height": source.shape[1],
            "input_width": source.shape[2],
            "input_channels": source.shape[3],
            "output_height": size[0],
            "output_width": size[1],
            "depth_multiplier": options.depthMultiplier,
            "kernel_height": height,
            "kernel_width": width,
            **steps_of(operator, windows),
            "weights": weights.constant(weights.values[0]),
            "bias": real_bias(bias, channels),
            **limits,
        },
        operands=(source,),
        output=output,
        macs=output.elements * height * width,
    )
    return Lowered((call,), detail=f"{height}x{width}")


def _window_fields(
    operator: Operator,
    source: Tensor,
    kernel_size: tuple[int, int],
    output_size: tuple[int, int],
    groups: int,
) -> dict[str, Param]:
    """Extents and steps of what is computed in integers."""
    steps = steps_of(operator, windows_of(operator, source, kernel_size))
    output = operator.outputs[0]
    return {
        "groups": groups,
        **window_sizes(source, output, kernel_size, output_size),
        **steps,
    }


@dataclass(frozen=True, eq=False)
class _Part:
    """A convolution beyond its tensors: the form of weights, groups, sizes, steps, product."""

    form: str
    groups: int
    kernel_size: tuple[int, int]
    output_size: tuple[int, int]
    steps: dict[str, Param]
    matmul: dict[str, Param]


def _strided_call(
    source: Tensor, output: Tensor, part: _Part, stride: tuple[int, int], first: tuple[int, int]
) -> KernelCall:
    """A convolution with its pixels at every `stride` of the output, from `first` on."""
    channels = output.shape[3]
    depth: Any = part.matmul["depth"]
    return KernelCall(
        kernel=f"conv_2d_{part.form}",
        header="conv_2d_f32",
        struct="conv_2d_f32",
        params={
            "groups": part.groups,
            "batches": source.shape[0],
            "input_height": source.shape[1],
            "input_width": source.shape[2],
            "input_channels": source.shape[3],
            "output_height": part.output_size[0],
            "output_width": part.output_size[1],
            "kernel_height": part.kernel_size[0],
            "kernel_width": part.kernel_size[1],
            **part.steps,
            **output_steps(output, stride, first),
            "matmul": part.matmul,
        },
        operands=(source,),
        output=output,
        takes_scratch=True,
        scratch_bytes=4 * depth,
        macs=source.shape[0] * part.output_size[0] * part.output_size[1] * channels * depth,
    )


def _rows_call(
    source: Tensor, output: Tensor, form: str, rows: int, matmul: dict[str, Param]
) -> KernelCall:
    depth: Any = matmul["depth"]
    return KernelCall(
        kernel=f"fully_connected_{form}",
        header="fully_connected_f32",
        struct="fully_connected_f32",
        params={"rows": rows, "matmul": matmul},
        operands=(source,),
        output=output,
        macs=output.elements * depth,
    )


def _matmul_fields(
    weights: StoredWeights,
    values: np.ndarray,
    bias: Tensor | None,
    channels: int,
    limits: dict[str, Param],
) -> dict[str, Param]:
    """Give the fields of a product with `values`, of which a group has so many channels."""
    every = values.shape[0]
    return {
        "depth": values[0].size,
        "channels": channels,
        "weights": weights.constant(values),
        "bias": real_bias(bias, every),
        **limits,
    }
