"""CONV_2D and DEPTHWISE_CONV_2D."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered, Param, shape_comment
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.fully_connected import PRODUCTS, matmul_call
from tfedge_converters.c.kernels.geometry import WINDOWS, output_steps, steps_of, windows_of
from tfedge_converters.c.kernels.requantization import (
    BIAS,
    FUSED,
    INT8_WEIGHTS,
    WEIGHTS,
    channel_multipliers,
    folded_bias,
    int16_limits,
    int16_sum_fields,
    is_narrow,
    output_fields,
    weight_scales,
)
from tfedge_converters.c.limits import SHAPES, AtMost, Limit
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

# A sum of more products of int16 with int8 could leave int32.
_INT16_ROW = AtMost((1 << 31) // (1 << 22) - 1, "columns of a depthwise kernel in int16")

_REACH = Limit("taps of depthwise kernels within 2^31 elements around the input")

# What the kernels that multiply matrices do not compute.
DENSE = (WEIGHTS, *INT8_WEIGHTS, BIAS, FUSED, PRODUCTS)
_LIMITS = (*DENSE, WINDOWS, _INT16_ROW, _REACH)


@kernel("CONV_2D", "int8 int16", limits=_LIMITS)
def lower_conv_2d(operator: Operator) -> Lowered:
    """[n, h, w, c] with weights [channels, kernel_height, kernel_width, c / groups]."""
    source, weights, _ = convolution_operands(operator)
    channels, _, _, depth = weights.shape
    groups = groups_of(source, weights)
    data = WEIGHTS.values(weights)
    scales = weight_scales(weights, channels, axis=0)
    if depth == 1 < groups:
        return _by_channel(operator, data[..., 0].transpose(1, 2, 0), scales)
    return _dense(operator, data, scales, groups)


@kernel("DEPTHWISE_CONV_2D", "int8 int16", limits=_LIMITS)
def lower_depthwise_conv_2d(operator: Operator) -> Lowered:
    """[n, h, w, c] with weights [1, kernel_height, kernel_width, c * depth_multiplier]."""
    source, weights, _ = convolution_operands(operator)
    check_depthwise(operator, source, weights)
    data = WEIGHTS.values(weights)[0]
    scales = weight_scales(weights, weights.shape[3], axis=3)
    if source.shape[3] == 1:
        return _dense(operator, data.transpose(2, 0, 1)[..., np.newaxis], scales, groups=1)
    return _by_channel(operator, data, scales)


def _dense(operator: Operator, data: np.ndarray, scales: np.ndarray, groups: int) -> Lowered:
    """The kernel that multiplies matrices.

    Args:
        data: weights of shape (channels, kernel height, kernel width, input channels / groups).
        scales: of the weights, one a channel or one for all.
    """
    source, _, bias = convolution_operands(operator)
    output = operator.outputs[0]
    channels, kernel_height, kernel_width, _ = data.shape
    windows = windows_of(operator, source, (kernel_height, kernel_width))
    checks.shape(output, (source.shape[0], windows[0].output, windows[1].output, channels))
    part = ConvolutionPart(
        weights=data,
        bias=bias,
        scales=scales,
        activation=operator.options.fusedActivationFunction,
        output_size=(windows[0].output, windows[1].output),
        steps=steps_of(operator, windows),
        groups=groups,
    )
    wide = source.type == TensorType.INT16
    in_rows = kernel_height == kernel_width == 1 and output.shape[:3] == source.shape[:3]
    if groups == 1 and in_rows and wide:
        call = matmul_call(source, output, _int16_matmul_fields(source, output, part), "s16")
    elif groups > 1 or wide:
        call = strided_output_call(source, output, part, (1, 1), (0, 0))
    elif in_rows:
        call = matmul_call(source, output, _matmul_fields(source, output, part))
    else:
        call = _convolution_call(source, output, part)
    return Lowered((call,), detail=f"{kernel_height}x{kernel_width}")


@dataclass(frozen=True, eq=False)
class ConvolutionPart:
    """Properties of a convolution beyond its tensors, for the kernel that multiplies matrices.

    Attributes:
        weights: shape (channels, kernel height, kernel width, input channels / groups).
        bias: int32 constant of `channels` values, or None.
        scales: of the weights, one a channel or one for all.
        activation: the schema's fused activation.
        output_size: rows and columns that are computed.
        steps: the kernel's strides, dilations and padding.
        groups: runs of channels that only see each other.
    """

    weights: np.ndarray
    bias: Tensor | None
    scales: np.ndarray
    activation: int
    output_size: tuple[int, int]
    steps: dict[str, Param]
    groups: int = 1


def _matmul_fields(source: Tensor, output: Tensor, part: ConvolutionPart) -> dict[str, Param]:
    """One group's matrix product, with the constants of all groups.

    Raises:
        RefusedError: a sum may overflow, or a type or shape does not fit.
    """
    channels = part.weights.shape[0]
    data = part.weights.reshape(channels, -1)
    taps = data.shape[1]
    PRODUCTS.refuse_above(taps, f"{taps} products an output could overflow its 32-bit sum")
    zero_point = checks.scale_and_zero_point(source)[1]
    multiplier, shift = _multipliers(source, part.scales, output, channels)
    folded = folded_bias(part.bias, channels, data.sum(axis=1, dtype=np.int64), zero_point)
    return {
        "depth": taps,
        "channels": channels // part.groups,
        "weights": Constant("weights", data, shape_comment(part.weights.shape)),
        "bias": folded,
        "multiplier": multiplier,
        "shift": shift,
        "channel_step": 1,
        "narrow": is_narrow(folded, shift, data),
        **output_fields(output, part.activation),
    }


def _window_fields(source: Tensor, part: ConvolutionPart) -> dict[str, Param]:
    _, kernel_height, kernel_width, _ = part.weights.shape
    return {
        "batches": source.shape[0],
        "input_height": source.shape[1],
        "input_width": source.shape[2],
        "input_channels": source.shape[3],
        "output_height": part.output_size[0],
        "output_width": part.output_size[1],
        "kernel_height": kernel_height,
        "kernel_width": kernel_width,
        **part.steps,
    }


def _macs(source: Tensor, part: ConvolutionPart) -> int:
    return source.shape[0] * part.output_size[0] * part.output_size[1] * part.weights.size


def _int16_convolution_call(
    source: Tensor, output: Tensor, part: ConvolutionPart, steps: dict[str, Param]
) -> KernelCall:
    matmul = _int16_matmul_fields(source, output, part)
    return KernelCall(
        kernel="conv_2d_s16",
        header="conv_2d_s16",
        struct="conv_2d_s16",
        params={**steps, **_window_fields(source, part), "matmul": matmul},
        operands=(source,),
        output=output,
        takes_scratch=True,
        scratch_bytes=2 * part.weights[0].size,
        macs=_macs(source, part),
    )


def _convolution_call(source: Tensor, output: Tensor, part: ConvolutionPart) -> KernelCall:
    matmul = _matmul_fields(source, output, part)
    taps = part.weights[0].size
    params: dict[str, Param] = {
        **_window_fields(source, part),
        "input_zero_point": checks.scale_and_zero_point(source)[1],
        "matmul": matmul,
    }
    return KernelCall(
        kernel="conv_2d_s8",
        header="conv_2d_s8",
        struct="conv_2d_s8",
        params=params,
        operands=(source,),
        output=output,
        takes_scratch=True,
        scratch_bytes=2 * taps,
        macs=_macs(source, part),
    )


def _int16_matmul_fields(source: Tensor, output: Tensor, part: ConvolutionPart) -> dict[str, Param]:
    """The same for int16 activations, whose sums have 64 bits."""
    channels = part.weights.shape[0]
    data = part.weights.reshape(channels, -1)
    return {
        "depth": data.shape[1],
        "channels": channels // part.groups,
        "weights": Constant("weights", data, shape_comment(part.weights.shape)),
        **int16_sum_fields(source, output, part.scales, part.bias, channels),
        **int16_limits(output, part.activation),
    }


def strided_output_call(
    source: Tensor,
    output: Tensor,
    part: ConvolutionPart,
    stride: tuple[int, int],
    first: tuple[int, int],
) -> KernelCall:
    """A convolution with its pixels at every `stride` of the output, from `first` on.

    Raises:
        RefusedError: a sum may overflow, or a type or shape does not fit.
    """
    channels = output.shape[3]
    steps: dict[str, Param] = {"groups": part.groups, **output_steps(output, stride, first)}
    if source.type == TensorType.INT16:
        return _int16_convolution_call(source, output, part, steps)
    call = _convolution_call(source, output, part)
    return replace(
        call,
        kernel="conv_2d_grouped_s8",
        header="conv_2d_grouped_s8",
        struct="conv_2d_grouped_s8",
        params={**steps, "conv": call.params},
        scratch_bytes=call.scratch_bytes + 2 * channels // part.groups,
    )


def _by_channel(operator: Operator, data: np.ndarray, scales: np.ndarray) -> Lowered:
    """The kernel in which every output channel reads one channel of the input.

    Args:
        data: weights of shape (kernel height, kernel width, channels).
        scales: of the weights, one a channel or one for all.
    """
    source, _, bias = convolution_operands(operator)
    output = operator.outputs[0]
    kernel_height, kernel_width, channels = data.shape
    windows = windows_of(operator, source, (kernel_height, kernel_width))
    checks.shape(output, (source.shape[0], windows[0].output, windows[1].output, channels))
    taps = kernel_height * kernel_width
    _check_reach(source, operator, data.shape[:2])
    width = checks.activations(source, output)
    activation = operator.options.fusedActivationFunction
    if width == "s16":
        sums = _int16_channel_fields(source, output, data, scales, bias)
        limits = int16_limits(output, activation)
    else:
        sums = _channel_fields(source, output, data, scales, bias)
        limits = output_fields(output, activation)
    params: dict[str, Param] = {
        "batches": source.shape[0],
        "input_height": source.shape[1],
        "input_width": source.shape[2],
        "input_channels": source.shape[3],
        "output_height": windows[0].output,
        "output_width": windows[1].output,
        "depth_multiplier": channels // source.shape[3],
        "kernel_height": kernel_height,
        "kernel_width": kernel_width,
        **steps_of(operator, windows),
        **sums,
        **limits,
    }
    call = KernelCall(
        kernel=f"depthwise_conv_2d_{width}",
        header=f"depthwise_conv_2d_{width}",
        struct=f"depthwise_conv_2d_{width}",
        params=params,
        operands=(source,),
        output=output,
        macs=output.elements * taps,
    )
    return Lowered((call,), detail=f"{kernel_height}x{kernel_width}")


def _channel_fields(
    source: Tensor, output: Tensor, data: np.ndarray, scales: np.ndarray, bias: Tensor | None
) -> dict[str, Param]:
    kernel_height, kernel_width, channels = data.shape
    taps = kernel_height * kernel_width
    PRODUCTS.refuse_above(taps, f"{taps} products an output could overflow its 32-bit sum")
    zero_point = checks.scale_and_zero_point(source)[1]
    multiplier, shift = _multipliers(source, scales, output, channels)
    folded = folded_bias(bias, channels, data.sum(axis=(0, 1), dtype=np.int64), zero_point)
    return {
        "input_zero_point": zero_point,
        "weights": Constant("weights", data, shape_comment(data.shape)),
        "bias": folded,
        "multiplier": multiplier,
        "shift": shift,
        "narrow": is_narrow(folded, shift, data.reshape(taps, channels).T),
    }


def _int16_channel_fields(
    source: Tensor, output: Tensor, data: np.ndarray, scales: np.ndarray, bias: Tensor | None
) -> dict[str, Param]:
    kernel_width, channels = data.shape[1:]
    _INT16_ROW.refuse_above(
        kernel_width,
        f"the kernel is {kernel_width} wide; at most {_INT16_ROW.most} products of a row fit into "
        "its 32-bit sum",
    )
    return {
        "weights": Constant("weights", data, shape_comment(data.shape)),
        **int16_sum_fields(source, output, scales, bias, channels),
    }


def _check_reach(source: Tensor, operator: Operator, kernel: Sequence[int]) -> None:
    """The by-channel kernel computes the offsets of taps that lie outside, too."""
    _, height, width, depth = source.shape
    dilations = (operator.options.dilationHFactor, operator.options.dilationWFactor)
    rows, columns = (size * step for size, step in zip(kernel, dilations, strict=True))
    if ((height + rows) * width + columns) * depth >= 1 << 31:
        _REACH.refuse(f"dilations {dilations} reach too far outside the input")


def groups_of(source: Tensor, weights: Tensor) -> int:
    """How many groups CONV_2D's channels are in.

    Raises:
        RefusedError: its weights do not fit its input.
    """
    groups, rest = divmod(source.shape[3], weights.shape[3])
    if rest or not groups or weights.shape[0] % groups:
        SHAPES.refuse(
            f"weights of shape {weights.shape} do not fit an input of {source.shape[3]} channels"
        )
    return groups


def check_depthwise(operator: Operator, source: Tensor, weights: Tensor) -> None:
    """Refuse weights and a multiplier of DEPTHWISE_CONV_2D that do not fit its input."""
    one, _, _, channels = weights.shape
    if one != 1 or channels % source.shape[3]:
        SHAPES.refuse(
            f"weights of shape {weights.shape} do not fit an input of {source.shape[3]} channels"
        )
    multiplier = operator.options.depthMultiplier
    if source.shape[3] * multiplier != channels:
        SHAPES.refuse(
            f"its depth multiplier of {multiplier} does not make {channels} channels of the "
            f"input's {source.shape[3]}"
        )


def convolution_operands(
    operator: Operator, check_types: Callable[..., object] = checks.activations
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Images, weights, and bias if there is one, each with the axes that it should have.

    Args:
        operator: a CONV_2D or DEPTHWISE_CONV_2D.
        check_types: refuses types of the input and the output.
    """
    _, _, bias = checks.operands(operator, least=2, most=3)
    source, weights = checks.operand(operator, 0), checks.operand(operator, 1)
    check_types(source, operator.outputs[0])
    checks.rank(source, 4)
    checks.rank(weights, 4)
    return source, weights, bias


def _multipliers(
    source: Tensor, scales: np.ndarray, output: Tensor, channels: int
) -> tuple[Constant, Constant]:
    """Fixed-point multipliers, one a channel even where all channels have one scale."""
    return channel_multipliers(source, np.broadcast_to(scales, (channels,)), output)
