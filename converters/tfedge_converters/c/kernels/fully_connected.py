"""Lowering of FULLY_CONNECTED."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.arithmetic.fixed_point import quantize_multiplier
from tfedge_converters.arithmetic.rounding_steps import rounding_steps
from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered, Param, shape_comment
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.requantization import (
    BIAS,
    CHANNELS,
    FUSED,
    INT8_WEIGHTS,
    WEIGHTS,
    bias_values,
    channel_multipliers,
    channel_scales,
    folded_bias,
    int16_limits,
    int16_sum_fields,
    is_narrow,
    output_fields,
    output_limits,
    weight_scales,
)
from tfedge_converters.c.limits import SHAPES, AtMost, Limit
from tfedge_converters.c.registry import LITERT, kernel
from tfedge_converters.graph.types import Operator, Tensor

# A sum of more products of int8 values could leave int32.
PRODUCTS = AtMost((1 << 31) // (1 << 14) - 1, "products of int8 an output")

# The same of differences of int8 values.
_CENTRED_PRODUCTS = AtMost(
    ((1 << 31) - 1) // 255**2,
    "products an output where weights have a zero point or are computed at run time",
)

UNSHUFFLED = Limit("weights unshuffled")
_LIMITS = (UNSHUFFLED, BIAS, FUSED, _CENTRED_PRODUCTS)


@kernel("FULLY_CONNECTED", "int8", limits=(*_LIMITS, CHANNELS, PRODUCTS))
def lower_fully_connected(operator: Operator) -> Lowered:
    """[..., depth] with weights [channels, depth]."""
    _, source, weights, bias, output = dense_operands(operator)
    if weights.data is None or np.any(_zero_points(weights)):
        return lower_at_run_time(operator)
    channels, depth = weights.shape
    PRODUCTS.refuse_above(depth, f"{depth} products an output could overflow its 32-bit sum")
    data = weights.data
    zero_point = checks.scale_and_zero_point(source)[1]
    scales = channel_scales(weights, channels, axis=0)
    multiplier, shift = channel_multipliers(source, scales, output)
    folded = folded_bias(bias, channels, data.sum(axis=1, dtype=np.int64), zero_point)
    matmul: dict[str, Param] = {
        "depth": depth,
        "channels": channels,
        "weights": Constant("weights", data, shape_comment(weights.shape)),
        "bias": folded,
        "multiplier": multiplier,
        "shift": shift,
        "channel_step": int(scales.size > 1),
        "narrow": is_narrow(folded, shift, data),
        **output_fields(output, operator.options.fusedActivationFunction),
    }
    return Lowered((matmul_call(source, output, matmul),))


@kernel("FULLY_CONNECTED", "int16", limits=(UNSHUFFLED, WEIGHTS, *INT8_WEIGHTS, BIAS, FUSED))
def lower_int16_fully_connected(operator: Operator) -> Lowered:
    """The same on int16, whose sums have 64 bits."""
    _, source, weights, bias, output = dense_operands(operator)
    channels, depth = weights.shape
    scales = weight_scales(weights, channels, axis=0)
    data = WEIGHTS.values(weights)
    matmul = {
        "depth": depth,
        "channels": channels,
        "weights": Constant("weights", data, shape_comment(weights.shape)),
        **int16_sum_fields(source, output, scales, bias, channels),
        **int16_limits(output, operator.options.fusedActivationFunction),
    }
    return Lowered((matmul_call(source, output, matmul, "s16"),))


def lower_at_run_time(operator: Operator) -> Lowered:
    """The same with int8 weights that have a zero point, or are computed at run time."""
    _, source, weights, _, output = dense_operands(operator)
    multiplier, shift = quantize_multiplier(_real_multiplier(source, weights, output))
    limits = output_fields(output, operator.options.fusedActivationFunction)
    return _weight_zero_point_call(
        operator,
        {"multiplier": multiplier, "shift": shift, **limits, "step_count": 0, "steps": 0},
    )


@kernel("FULLY_CONNECTED", "uint8", limits=_LIMITS, oracle=LITERT)
def lower_uint8_fully_connected(operator: Operator) -> Lowered:
    """The same of a model that was uint8, whose reference scales sums in double precision."""
    _, source, weights, _, output = dense_operands(operator)
    zero_point = checks.scale_and_zero_point(output)[1]
    low, high = output_limits(output, operator.options.fusedActivationFunction)
    real = _real_multiplier(source, weights, output)
    first, steps = rounding_steps(real, zero_point, low, high)
    fields: dict[str, Param] = {
        "multiplier": 0,
        "shift": 0,
        "output_zero_point": first,
        "output_min": first,
        "output_max": first,
        "step_count": steps.size,
        "steps": Constant("steps", steps, "the least sum of each result") if steps.size else 0,
    }
    return _weight_zero_point_call(operator, fields)


def dense_operands(
    operator: Operator, check_types: Callable[..., object] = checks.activations
) -> tuple[int, Tensor, Tensor, Tensor | None, Tensor]:
    """Rows, input, weights, bias if there is one, and output, with shapes that fit each other.

    Args:
        operator: the FULLY_CONNECTED.
        check_types: refuses types of the input and the output.
    """
    _, _, bias = checks.operands(operator, least=2, most=3)
    source, weights = checks.operand(operator, 0), checks.operand(operator, 1)
    output = operator.outputs[0]
    check_types(source, output)
    checks.rank(weights, 2)
    if operator.options.weightsFormat != schema.FullyConnectedOptionsWeightsFormat.DEFAULT:
        UNSHUFFLED.refuse("shuffled weights are not supported")
    channels, depth = weights.shape
    rows, rest = divmod(checks.elements(source), depth)
    if rest or output.elements != rows * channels or output.shape[-1:] != (channels,):
        SHAPES.refuse(
            f"an input of shape {source.shape} and an output of shape {output.shape} do not fit "
            f"weights of shape {weights.shape}"
        )
    return rows, source, weights, bias, output


def _zero_points(weights: Tensor) -> np.ndarray:
    quantization = weights.quantization
    return np.zeros(0) if quantization is None else quantization.zero_point


def _real_multiplier(source: Tensor, weights: Tensor, output: Tensor) -> float:
    """In double precision, as in both references."""
    checks.int8(weights)
    scales = [float(checks.scale_and_zero_point(t)[0]) for t in (source, weights, output)]
    return scales[0] * scales[1] / scales[2]


def _weight_zero_point_call(operator: Operator, fields: dict[str, Param]) -> Lowered:
    rows, source, weights, bias, output = dense_operands(operator)
    channels, depth = weights.shape
    _CENTRED_PRODUCTS.refuse_above(
        depth, f"{depth} products an output could overflow its 32-bit sum"
    )
    call = KernelCall(
        kernel="fully_connected_weight_zero_point_s8",
        header="fully_connected_weight_zero_point_s8",
        struct="fully_connected_weight_zero_point_s8",
        params={
            "rows": rows,
            "depth": depth,
            "channels": channels,
            "input_zero_point": checks.scale_and_zero_point(source)[1],
            "weights_zero_point": checks.scale_and_zero_point(weights)[1],
            "bias": Constant("bias", bias_values(bias, channels).astype(np.int32)),
            **fields,
        },
        operands=(source, weights),
        output=output,
        macs=rows * channels * depth,
    )
    return Lowered((call,))


def matmul_call(
    source: Tensor, output: Tensor, matmul: Mapping[str, Param], width: str = "s8"
) -> KernelCall:
    """Multiply every row of `matmul["depth"]` input values with the weights."""
    depth, channels = matmul["depth"], matmul["channels"]
    assert isinstance(depth, int) and isinstance(channels, int)
    rows = source.elements // depth
    return KernelCall(
        kernel=f"fully_connected_{width}",
        header=f"fully_connected_{width}",
        struct=f"fully_connected_{width}",
        params={"rows": rows, "matmul": matmul},
        operands=(source,),
        output=output,
        macs=rows * channels * depth,
    )
