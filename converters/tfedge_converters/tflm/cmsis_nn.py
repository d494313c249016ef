"""Scratch memory that CMSIS-NN's kernels ask for in TFLite Micro's arena.

Source: the ..._get_buffer_size functions of CMSIS-NN as of 2026-08, in its folders
ConvolutionFunctions, FullyConnectedFunctions and PoolingFunctions, as GCC compiles them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.graph import Operator, Tensor, TensorType

# CH_IN_BLOCK_MVE, and the channels beyond which a depthwise convolution of one is computed as a
# convolution.
_MVE_BLOCK = 124
_MVE_ONE_CHANNEL = 8


class Kernels(Enum):
    """Libraries of kernels that TFLite Micro is built with."""

    REFERENCE = "reference kernels"
    CMSIS_NN = "CMSIS-NN"
    CMSIS_NN_DSP = "CMSIS-NN with the DSP extension"
    CMSIS_NN_MVE = "CMSIS-NN with Helium"

    @property
    def optimized(self) -> bool:
        """Whether they are CMSIS-NN's."""
        return self is not Kernels.REFERENCE


def scratch_bytes(operator: Operator, kernels: Kernels) -> tuple[int, ...]:
    """Bytes of the scratch buffers that an operator's kernel asks for; none of reference kernels.

    Args:
        operator: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED or a pooling.
        kernels: the library.
    """
    size = _SIZERS.get((operator.code, data_of(operator).type))
    if size is None or not kernels.optimized:
        return ()
    return tuple(part for part in size(operator, kernels) if part > 0)


@dataclass(frozen=True)
class _Window:
    """A convolution, seen along height and width.

    Attributes:
        channels: of its input.
        kernel, stride, dilation, padding, inputs, outputs: (height, width) each; the padding is
            that in front.
    """

    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]
    inputs: tuple[int, int]
    outputs: tuple[int, int]

    @property
    def column(self) -> int:
        """Values of the input that one output is computed of."""
        return self.channels * self.kernel[0] * self.kernel[1]


def data_of(operator: Operator) -> Tensor:
    """The first operand, which every kernel here has."""
    tensor = operator.inputs[0]
    assert tensor is not None
    return tensor


def weights_of(operator: Operator) -> Tensor:
    """The second operand: the filter of those that have one."""
    tensor = operator.inputs[1]
    assert tensor is not None
    return tensor


def _height_and_width(tensor: Tensor) -> tuple[int, int]:
    return tensor.shape[1], tensor.shape[2]


def _window(operator: Operator) -> _Window:
    options, data, result = operator.options, data_of(operator), operator.outputs[0]
    kernel = _height_and_width(weights_of(operator))
    stride = (options.strideH, options.strideW)
    dilation = (options.dilationHFactor, options.dilationWFactor)
    inputs, outputs = _height_and_width(data), _height_and_width(result)
    padding = (0, 0)
    if options.padding == schema.Padding.SAME:
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        missing = [
            (out - 1) * step + size - given
            for out, step, size, given in zip(outputs, stride, reach, inputs, strict=True)
        ]
        padding = (max(missing[0], 0) // 2, max(missing[1], 0) // 2)
    return _Window(data.shape[3], kernel, stride, dilation, padding, inputs, outputs)


def _convolution_s8(operator: Operator, kernels: Kernels) -> list[int]:
    window = _window(operator)
    return [_wrapper_s8(window, weights_of(operator).shape[3], kernels)]


def _wrapper_s8(window: _Window, filter_channels: int, kernels: Kernels) -> int:
    same_channels = window.channels == filter_channels
    unit = window.dilation == (1, 1)
    if window.kernel == (1, 1) and window.padding == (0, 0) and unit and same_channels:
        return 0
    one_row = window.inputs[0] == 1 and window.kernel[0] == 1 and window.dilation[1] == 1
    if kernels is not Kernels.CMSIS_NN_MVE:
        return 2 * 2 * _round_up(window.column, 4)
    if one_row and window.stride[1] * window.channels % 4 == 0 and same_channels:
        return _one_row_mve(window)
    return 4 * _round_up(window.column, 16)


def _one_row_mve(window: _Window) -> int:
    padding, kernel, stride = window.padding[1], window.kernel[1], window.stride[1]
    total = (window.outputs[1] - 1) * stride + kernel - window.inputs[1]
    uneven = total % 2
    right = max(1, (padding + uneven + stride - 1) // stride) if padding + uneven else 0
    left = max(1, (padding + stride - 1) // stride) if padding else 0
    inner = max(window.outputs[1] - right - left, 0)
    if right + inner + left != window.outputs[1]:
        return 4 * _round_up(window.column, 16)
    on_left = padding * window.channels
    on_right = right * window.channels if uneven else on_left
    columns = kernel * window.channels
    return max(columns + on_left, columns - window.channels + on_right)


def _depthwise_s8(operator: Operator, kernels: Kernels) -> list[int]:
    window, channels = _window(operator), operator.outputs[0].shape[3]
    packed = weights_of(operator).type == TensorType.INT4
    area = window.kernel[0] * window.kernel[1]
    one_channel = window.channels == 1 and not packed
    if kernels is Kernels.CMSIS_NN_MVE and one_channel and channels > _MVE_ONE_CHANNEL:
        return [_wrapper_s8(window, 1, kernels) + channels * area]
    if window.channels != channels or data_of(operator).shape[0] != 1 or window.dilation != (1, 1):
        return []
    if kernels is Kernels.CMSIS_NN_MVE:
        return [4 * _MVE_BLOCK * area]
    if window.kernel == (3, 3) and max(window.padding) <= 1 and not packed:
        return []
    return [2 * window.column] if kernels is Kernels.CMSIS_NN_DSP else []


def _convolution_s16(operator: Operator, kernels: Kernels) -> list[int]:
    column = _window(operator).column
    if kernels is Kernels.CMSIS_NN_MVE:
        return [4 * 2 * _round_up(column, 8)]
    return [2 * 2 * column]


def _fully_connected_s8(operator: Operator, kernels: Kernels) -> list[int]:
    weights, result = weights_of(operator), operator.outputs[0]
    if weights.type == TensorType.INT4:
        return []
    if len(result.shape) > 2 and weights.shape[-1] % 4 == 0:
        per_channel = weights.quantization is not None and weights.quantization.per_channel
        return [] if per_channel else [2 * 4 * result.shape[-1]]
    return [4 * result.shape[-1]] if kernels is Kernels.CMSIS_NN_MVE else []


def _average(operator: Operator, kernels: Kernels) -> list[int]:
    return [4 * data_of(operator).shape[3]] if kernels is Kernels.CMSIS_NN_DSP else []


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


_SIZERS: Mapping[tuple[str, TensorType], Callable[[Operator, Kernels], list[int]]] = {
    ("CONV_2D", TensorType.INT8): _convolution_s8,
    ("CONV_2D", TensorType.INT16): _convolution_s16,
    ("DEPTHWISE_CONV_2D", TensorType.INT8): _depthwise_s8,
    ("FULLY_CONNECTED", TensorType.INT8): _fully_connected_s8,
    ("AVERAGE_POOL_2D", TensorType.INT8): _average,
    ("AVERAGE_POOL_2D", TensorType.INT16): _average,
}
