"""CONV_2D and DEPTHWISE_CONV_2D of models that were uint8: their weights have a zero point."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfedge_converters.arithmetic.fixed_point import quantize_multiplier
from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered, shape_comment
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.convolution import convolution_operands, groups_of
from tfedge_converters.c.kernels.geometry import WINDOWS, slide
from tfedge_converters.c.kernels.requantization import BIAS, FUSED, WEIGHTS, output_fields
from tfedge_converters.c.limits import SHAPES, TYPES, AtMost
from tfedge_converters.c.registry import LITERT, kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

# A sum of more products of differences of int8 values than this could leave int32.
_PRODUCTS = AtMost((1 << 31) // (1 << 16) - 1, "products an output")
_LIMITS = (WEIGHTS, BIAS, FUSED, WINDOWS, _PRODUCTS)


@kernel("CONV_2D", "uint8", limits=_LIMITS, oracle=LITERT)
def lower_uint8_conv_2d(operator: Operator) -> Lowered:
    """[n, h, w, c] with weights [channels, kernel_height, kernel_width, c / groups]."""
    source, weights = _operands(operator)
    group_channels = weights.shape[0] // groups_of(source, weights)
    options = operator.options
    data = WEIGHTS.values(weights)
    return _lower(operator, data, options, group_channels)


@kernel("DEPTHWISE_CONV_2D", "uint8", limits=_LIMITS, oracle=LITERT)
def lower_uint8_depthwise_conv_2d(operator: Operator) -> Lowered:
    """[n, h, w, c] with weights [1, kernel_height, kernel_width, c * depth_multiplier]."""
    source, weights = _operands(operator)
    if weights.shape[0] != 1 or weights.shape[3] % source.shape[3]:
        SHAPES.refuse(
            f"weights of shape {weights.shape} do not fit an input of {source.shape[3]} channels"
        )
    options = operator.options
    data = WEIGHTS.values(weights).transpose(3, 1, 2, 0)
    return _lower(operator, data, options, group_channels=weights.shape[3] // source.shape[3])


def _operands(operator: Operator) -> tuple[Tensor, Tensor]:
    source, weights, _ = convolution_operands(operator, checks.int8)
    checks.int8(weights)
    return source, weights


def _lower(operator: Operator, data: np.ndarray, options: Any, group_channels: int) -> Lowered:
    """The one kernel for both; `data` are weights [channels, height, width, input channels]."""
    source, weights = _operands(operator)
    output = operator.outputs[0]
    channels, kernel_height, kernel_width, depth = data.shape
    taps = kernel_height * kernel_width * depth
    _PRODUCTS.refuse_above(taps, f"{taps} products an output could overflow its 32-bit sum")
    _, height, width, _ = source.shape
    rows = slide(height, kernel_height, options.strideH, options.dilationHFactor, options.padding)
    columns = slide(width, kernel_width, options.strideW, options.dilationWFactor, options.padding)
    checks.shape(output, (source.shape[0], rows.output, columns.output, channels))
    multiplier, shift = _multiplier(source, weights, output)
    call = KernelCall(
        kernel="conv_2d_weight_zero_point_s8",
        header="conv_2d_weight_zero_point_s8",
        struct="conv_2d_weight_zero_point_s8",
        params={
            "batches": source.shape[0],
            "input_height": height,
            "input_width": width,
            "input_channels": source.shape[3],
            "output_height": rows.output,
            "output_width": columns.output,
            "channels": channels,
            "depth": depth,
            "group_channels": group_channels,
            "kernel_height": kernel_height,
            "kernel_width": kernel_width,
            "stride_y": options.strideH,
            "stride_x": options.strideW,
            "dilation_y": options.dilationHFactor,
            "dilation_x": options.dilationWFactor,
            "pad_top": rows.before,
            "pad_left": columns.before,
            "input_zero_point": checks.scale_and_zero_point(source)[1],
            "weights_zero_point": checks.scale_and_zero_point(weights)[1],
            "weights": Constant("weights", np.ascontiguousarray(data), shape_comment(data.shape)),
            "bias": _bias(operator, channels),
            "multiplier": multiplier,
            "shift": shift,
            **output_fields(output, options.fusedActivationFunction),
        },
        operands=(source,),
        output=output,
        macs=output.elements * taps,
    )
    return Lowered((call,), detail=f"{kernel_height}x{kernel_width}")


def _multiplier(source: Tensor, weights: Tensor, output: Tensor) -> tuple[int, int]:
    """The scales' ratio; LiteRT rounds the product of the operands' scales to float32."""
    product = checks.scale_and_zero_point(source)[0] * checks.scale_and_zero_point(weights)[0]
    return quantize_multiplier(float(product) / float(checks.scale_and_zero_point(output)[0]))


def _bias(operator: Operator, channels: int) -> Constant:
    bias = operator.inputs[2] if len(operator.inputs) > 2 else None
    if bias is None:
        return Constant("bias", np.zeros(channels, np.int32))
    data = BIAS.values(bias)
    if bias.type != TensorType.INT32 or data.size != channels:
        TYPES.refuse(
            f"the bias '{bias.name}' is {bias.type.name} of {data.size} values; "
            f"INT32 of {channels} is needed"
        )
    return Constant("bias", data.reshape(-1).astype(np.int32))
