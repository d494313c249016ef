"""Operators on block floating point: 8 bits with an exponent that is found at run time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tfedge_converters.arithmetic.activation import CLAMP_LIMITS
from tfedge_converters.arithmetic.block_floating_point import (
    SIGNED,
    SUM_BITS,
    UNSIGNED,
    decay_multiplier,
    mean_left,
    power_table,
    sum_scales,
)
from tfedge_converters.arithmetic.fixed_point import INT32_MAX
from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered, Param, shape_comment
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.convolution import (
    check_depthwise,
    convolution_operands,
    groups_of,
)
from tfedge_converters.c.kernels.dynamic import window_sizes
from tfedge_converters.c.kernels.fully_connected import UNSHUFFLED, dense_operands
from tfedge_converters.c.kernels.geometry import WINDOWS, slide, steps_of, windows_of
from tfedge_converters.c.kernels.reduction import AXES, axes_of
from tfedge_converters.c.kernels.requantization import (
    BIAS,
    FUSED,
    INT8_WEIGHTS,
    WEIGHTS,
    fused_limits,
    weight_scales,
)
from tfedge_converters.c.kernels.stored_weights import FINITE, real_bias
from tfedge_converters.c.limits import DEFINED, SHAPES, TYPES, AtMost, Limit
from tfedge_converters.c.registry import BFP8, TFEDGE, kernel
from tfedge_converters.graph.types import Operator, Tensor

# Sums of as many products with the largest weights, of -128, stay below 2^30.
_PRODUCTS = AtMost(((1 << SUM_BITS) - 1) // (UNSIGNED << 7), "products an output")
_VALUES = AtMost(((1 << SUM_BITS) - 1) // UNSIGNED, "values a window")
# Each adds at most 2^20 to a sum of 31 bits.
_ROW = AtMost((1 << 11) - 1, "values a row")
_ONE_SHAPE = Limit("operands of one shape, neither of them constant")
_IMAGES = Limit("the means of whole images with 4 dimensions: axes 1 and 2")

_LAYER = (WEIGHTS, BIAS, FUSED, FINITE, *INT8_WEIGHTS, _PRODUCTS)


def _blocks(*tensors: Tensor) -> None:
    """Refuse anything without an exponent of its own."""
    for tensor in tensors:
        if not tensor.has_exponent:
            TYPES.refuse(
                f"'{tensor.name}' is a constant of {tensor.type.name} where integers have an "
                "exponent that is found at run time"
            )


def _largest(tensor: Tensor) -> int:
    """The largest integer of a tensor."""
    return UNSIGNED if tensor.is_unsigned else SIGNED


@kernel("FULLY_CONNECTED", BFP8, limits=(UNSHUFFLED, *_LAYER), oracle=TFEDGE)
def lower_fully_connected(operator: Operator) -> Lowered:
    """[..., depth] with weights [channels, depth]: a convolution of rows of pixels."""
    rows, source, weights, bias, output = dense_operands(operator, _blocks)
    channels, depth = weights.shape
    sizes: dict[str, Param] = {
        "batches": 1,
        "input_height": 1,
        "input_width": rows,
        "input_channels": depth,
        "output_height": 1,
        "output_width": rows,
        "channels": channels,
        "kernel_height": 1,
        "kernel_width": 1,
    }
    steps: dict[str, Param] = {
        **dict.fromkeys(("stride_y", "stride_x", "dilation_y", "dilation_x"), 1),
        **dict.fromkeys(("pad_top", "pad_left"), 0),
    }
    fields = {"groups": 1, **sizes, **steps}
    return _layer(operator, "conv_2d_bfp8", fields, (source, weights, bias), output, axis=0)


@kernel("CONV_2D", BFP8, limits=(WINDOWS, *_LAYER), oracle=TFEDGE)
def lower_conv_2d(operator: Operator) -> Lowered:
    """[n, h, w, c] with weights [channels, kernel_height, kernel_width, c / groups]."""
    source, weights, bias = convolution_operands(operator, _blocks)
    channels, height, width, _ = weights.shape
    fields = _window_fields(operator, (height, width), channels, groups_of(source, weights))
    output = operator.outputs[0]
    return _layer(operator, "conv_2d_bfp8", fields, (source, weights, bias), output, axis=0)


@kernel("DEPTHWISE_CONV_2D", BFP8, limits=(WINDOWS, *_LAYER), oracle=TFEDGE)
def lower_depthwise_conv_2d(operator: Operator) -> Lowered:
    """[n, h, w, c] with weights [1, kernel_height, kernel_width, c * depth_multiplier]."""
    source, weights, bias = convolution_operands(operator, _blocks)
    check_depthwise(operator, source, weights)
    _, height, width, channels = weights.shape
    fields = _window_fields(operator, (height, width), channels, source.shape[3])
    output = operator.outputs[0]
    operands = source, weights, bias
    return _layer(operator, "depthwise_conv_2d_bfp8", fields, operands, output, axis=3)


def _window_fields(
    operator: Operator, kernel_size: tuple[int, int], channels: int, groups: int
) -> dict[str, Param]:
    source, output = operator.inputs[0], operator.outputs[0]
    assert source is not None
    windows = windows_of(operator, source, kernel_size)
    size = (windows[0].output, windows[1].output)
    checks.shape(output, (source.shape[0], *size, channels))
    return {
        "groups": groups,
        **window_sizes(source, output, kernel_size, size),
        **steps_of(operator, windows),
    }


def _layer(
    operator: Operator,
    kernel_name: str,
    fields: Mapping[str, Param],
    operands: tuple[Tensor, Tensor, Tensor | None],
    output: Tensor,
    axis: int,
) -> Lowered:
    """Multiply with weights, whose channels lie along an axis."""
    source, weights, bias = operands
    channels = weights.shape[axis]
    grids = weight_scales(weights, channels, axis)
    values = WEIGHTS.values(weights)
    taps = values.size // channels
    _PRODUCTS.refuse_above(taps, f"{taps} products an output could overflow its sum")
    biases = real_bias(bias, channels).values
    scales = sum_scales(
        np.moveaxis(values, axis, 0).reshape(channels, -1), grids, biases, _largest(source)
    )
    params: dict[str, Param] = {
        **fields,
        "weights": Constant("weights", values, shape_comment(values.shape)),
        "multiplier": _words("multiplier", scales.multiplier, "Q0.31, a channel"),
        "channel_step": int(scales.multiplier.size > 1),
        "scale_exponent": scales.exponent,
        "left": scales.left,
        "bias": _words("bias", scales.bias, "a channel"),
        "bias_exponent": scales.bias_exponent,
        "input_largest": _largest(source),
        "output_largest": _largest(output),
        "limits": _fused(operator),
    }
    call = KernelCall(
        kernel=kernel_name,
        header="conv_2d_bfp8",
        struct="conv_2d_bfp8",
        params=params,
        operands=(source,),
        output=output,
        macs=output.elements * taps,
    )
    return Lowered((call,), detail=f"{fields['kernel_height']}x{fields['kernel_width']}")


def _words(role: str, values: np.ndarray, comment: str) -> Constant:
    return Constant(role, values.astype(np.int32), comment)


def _fused(operator: Operator) -> dict[str, Param]:
    return _limits(*fused_limits(operator.options.fusedActivationFunction))


def _limits(low: float | None, high: float | None) -> dict[str, Param]:
    return {
        "low": -INT32_MAX if low is None else int(low),
        "high": INT32_MAX if high is None else int(high),
    }


@kernel("AVERAGE_POOL_2D", BFP8, limits=(WINDOWS, FUSED, _VALUES), oracle=TFEDGE)
@kernel("MAX_POOL_2D", BFP8, limits=(WINDOWS, FUSED, _VALUES), oracle=TFEDGE)
def lower_pool_2d(operator: Operator) -> Lowered:
    """The mean or the largest of each window's positions that lie within the input."""
    checks.operands(operator, least=1)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    _blocks(source, output)
    checks.rank(source, 4)
    o = operator.options
    rows = slide(source.shape[1], o.filterHeight, o.strideH, 1, o.padding)
    columns = slide(source.shape[2], o.filterWidth, o.strideW, 1, o.padding)
    checks.shape(output, (source.shape[0], rows.output, columns.output, source.shape[3]))
    steps = {
        "stride_y": o.strideH,
        "stride_x": o.strideW,
        "pad_top": rows.before,
        "pad_left": columns.before,
    }
    size, window = (rows.output, columns.output), (o.filterHeight, o.filterWidth)
    kind = operator.code.lower()
    return _pool(kind, source, output, size, window, steps, _fused(operator))


@kernel("MEAN", BFP8, limits=(AXES, _IMAGES, _VALUES), oracle=TFEDGE)
def lower_mean(operator: Operator) -> Lowered:
    """The mean over height and width."""
    checks.operands(operator, least=2)
    source, axes = checks.operand(operator, 0), checks.operand(operator, 1)
    output = operator.outputs[0]
    _blocks(source, output)
    if len(source.shape) != 4 or axes_of(source, axes) != {1, 2}:
        _IMAGES.refuse(f"it is over other axes than 1 and 2 of 4, of shape {source.shape}")
    if output.elements != source.shape[0] * source.shape[3]:
        SHAPES.refuse(f"{source.shape} does not become {output.shape}")
    steps = {**dict.fromkeys(("stride_y", "stride_x"), 1), "pad_top": 0, "pad_left": 0}
    window = (source.shape[1], source.shape[2])
    unlimited = _limits(None, None)
    return _pool("average_pool_2d", source, output, (1, 1), window, steps, unlimited)


def _pool(
    kind: str,
    source: Tensor,
    output: Tensor,
    size: tuple[int, int],
    window: tuple[int, int],
    steps: Mapping[str, Param],
    limits: Mapping[str, Param],
) -> Lowered:
    count = min(window[0], source.shape[1]) * min(window[1], source.shape[2])
    _VALUES.refuse_above(count, f"the sum of {count} values could overflow 32 bits")
    params: dict[str, Param] = {
        "batches": source.shape[0],
        "input_height": source.shape[1],
        "input_width": source.shape[2],
        "channels": source.shape[3],
        "output_height": size[0],
        "output_width": size[1],
        "window_height": window[0],
        "window_width": window[1],
        **steps,
        "left": mean_left(count, _largest(source)) if kind == "average_pool_2d" else 0,
        "input_largest": _largest(source),
        "output_largest": _largest(output),
        "limits": limits,
    }
    call = KernelCall(
        kernel=f"{kind}_bfp8",
        header="pool_2d_bfp8",
        struct="pool_2d_bfp8",
        params=params,
        operands=(source,),
        output=output,
    )
    return Lowered((call,), detail=f"{window[0]}x{window[1]}")


@kernel("ADD", BFP8, limits=(_ONE_SHAPE, FUSED), oracle=TFEDGE)
def lower_add(operator: Operator) -> Lowered:
    """The sum of two tensors of one shape."""
    checks.operands(operator, least=2)
    a, b = checks.operand(operator, 0), checks.operand(operator, 1)
    output = operator.outputs[0]
    _blocks(output)
    for tensor in (a, b):
        if not tensor.has_exponent or tensor.shape != output.shape:
            _ONE_SHAPE.refuse(
                f"'{tensor.name}' of shape {tensor.shape} {'is constant and ' * tensor.is_constant}"
                f"is added to what has shape {output.shape}: both have to be computed at run time "
                "and to have one shape"
            )
    return _elementwise("add_bfp8", (a, b), output, _fused(operator))


def lower_clamp(operator: Operator) -> Lowered:
    """RELU and its like."""
    source, output = checks.elementwise(operator, _blocks)
    return _elementwise("clamp_bfp8", (source,), output, _limits(*CLAMP_LIMITS[operator.code]))


for _code in CLAMP_LIMITS:
    kernel(_code, BFP8, oracle=TFEDGE)(lower_clamp)


def _elementwise(
    name: str, operands: tuple[Tensor, ...], output: Tensor, limits: Mapping[str, Param]
) -> Lowered:
    call = KernelCall(
        kernel=name,
        header="elementwise_bfp8",
        struct="elementwise_bfp8",
        params={
            "size": output.elements,
            "largest": (_largest(operands[0]), _largest(operands[-1])),
            "output_largest": _largest(output),
            "limits": limits,
        },
        operands=operands,
        output=output,
        in_place=tuple(range(len(operands))),
    )
    return Lowered((call,))


@kernel("SOFTMAX", BFP8, limits=(_ROW,), oracle=TFEDGE)
def lower_softmax(operator: Operator) -> Lowered:
    """exp(beta * x) / sum along the last axis."""
    source, output = checks.elementwise(operator, _blocks)
    depth = source.shape[-1] if source.shape else 1
    _ROW.refuse_above(depth, f"the sum of {depth} powers could overflow 32 bits")
    return _powers("softmax_bfp8", source, output, depth, float(operator.options.beta))


@kernel("LOGISTIC", BFP8, oracle=TFEDGE)
def lower_logistic(operator: Operator) -> Lowered:
    """1 / (1 + exp(-x))."""
    source, output = checks.elementwise(operator, _blocks)
    return _powers("logistic_bfp8", source, output, source.elements, 1.0)


def _powers(name: str, source: Tensor, output: Tensor, depth: int, beta: float) -> Lowered:
    with DEFINED.where_undefined():
        multiplier, exponent = decay_multiplier(beta)
    call = KernelCall(
        kernel=name,
        header="softmax_bfp8",
        struct="softmax_bfp8",
        params={
            "rows": source.elements // depth,
            "depth": depth,
            "powers": _words("powers", power_table(), "2^(-i / 64) in Q11.20"),
            "multiplier": multiplier,
            "multiplier_exponent": exponent,
            "input_largest": _largest(source),
        },
        operands=(source,),
        output=output,
        in_place=(0,),
    )
    return Lowered((call,))


@kernel("QUANTIZE", BFP8, oracle=TFEDGE)
def lower_quantize(operator: Operator) -> Lowered:
    """float32, by its bits, to integers with an exponent."""
    return _converted(operator, "quantize_bfp8", checks.real, _blocks)


@kernel("DEQUANTIZE", BFP8, oracle=TFEDGE, results="float32")
def lower_dequantize(operator: Operator) -> Lowered:
    """Integers with an exponent to the bits of float32."""
    return _converted(operator, "dequantize_bfp8", _blocks, checks.real)


def _converted(
    operator: Operator,
    name: str,
    check_source: Callable[..., object],
    check_output: Callable[..., object],
) -> Lowered:
    checks.operands(operator, least=1)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    check_source(source)
    check_output(output)
    checks.shape(output, source.shape)
    call = KernelCall(
        kernel=name,
        header="quantize_bfp8",
        struct="quantize_bfp8",
        params={
            "size": source.elements,
            "largest": _largest(source if source.has_exponent else output),
        },
        operands=(source,),
        output=output,
    )
    return Lowered((call,))
