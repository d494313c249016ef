"""Parameters that bring sums to an int8, int16 or float32 output."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.arithmetic import fixed_point
from tfedge_converters.arithmetic.activation import REAL_LIMITS, integer_limits
from tfedge_converters.arithmetic.fixed_point import wrap_int32
from tfedge_converters.arithmetic.wide_products import quantize_wide_multiplier
from tfedge_converters.c.kernel_call import Constant, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.limits import SHAPES, TYPES, ConstantOperand, Limit
from tfedge_converters.graph.types import Tensor, TensorType

WEIGHTS = ConstantOperand("the weights")
BIAS = ConstantOperand("the bias")
FUSED = Limit(
    "no fused activation but "
    + ", ".join(
        name
        for name, value in vars(schema.ActivationFunctionType).items()
        if value in REAL_LIMITS and name != "NONE"
    )
)
# Of float32.
LARGEST_REAL = float(np.finfo(np.float32).max)

_SYMMETRIC = Limit("int8 weights with zero points of 0")
CHANNELS = Limit("one scale for int8 weights, or one for each output channel")

# Of weights that `weight_scales` takes.
INT8_WEIGHTS = (_SYMMETRIC, CHANNELS)


def output_limits(output: Tensor, activation: int) -> tuple[int, int]:
    """The limits of an int8 or int16 output under a fused activation."""
    if activation not in REAL_LIMITS:
        FUSED.refuse(f"the fused activation {activation} is not supported")
    grid = checks.scale_and_zero_point(output)
    return integer_limits(activation, *grid, *checks.LIMITS[output.type])


def real_limits(activation: int) -> dict[str, Param]:
    """The fields output_min and output_max of a kernel on float32, which has them in any case."""
    return real_limit_fields(*fused_limits(activation))


def fused_limits(activation: int) -> tuple[float | None, float | None]:
    """The real limits of a fused activation; None is no limit.

    Raises:
        RefusedError: no kernel has it.
    """
    if activation not in REAL_LIMITS:
        FUSED.refuse(f"the fused activation {activation} is not supported")
    return REAL_LIMITS[activation]


def real_limit_fields(low: float | None, high: float | None) -> dict[str, Param]:
    """The fields output_min and output_max of a kernel on float32.

    Without a limit that is the largest number, as in the reference: infinity becomes that.
    """
    return {
        "output_min": -LARGEST_REAL if low is None else low,
        "output_max": LARGEST_REAL if high is None else high,
    }


def output_fields(output: Tensor, activation: int) -> dict[str, Param]:
    """The fields output_zero_point, output_min and output_max of a kernel's parameters."""
    low, high = output_limits(output, activation)
    return {
        "output_zero_point": checks.scale_and_zero_point(output)[1],
        "output_min": low,
        "output_max": high,
    }


def channel_multipliers(
    source: Tensor, scales: np.ndarray, output: Tensor
) -> tuple[Constant, Constant]:
    """input_scale * weight_scale / output_scale as fixed-point constants, one a weight scale."""
    pairs = fixed_point.channel_multipliers(
        checks.scale_and_zero_point(source)[0], scales, checks.scale_and_zero_point(output)[0]
    )
    return (
        Constant("multiplier", np.array([q for q, _ in pairs], np.int32), "Q0.31, a channel"),
        Constant("shift", np.array([shift for _, shift in pairs], np.int8), "a channel"),
    )


def int16_sum_fields(
    source: Tensor, output: Tensor, scales: np.ndarray, bias: Tensor | None, channels: int
) -> dict[str, Param]:
    """How kernels on int16 begin and requantise their sums of 64 bits.

    Args:
        scales: of the weights, one a channel or one for all.
        bias: int64, or None.
    """
    input_scale = float(checks.scale_and_zero_point(source)[0])
    output_scale = float(checks.scale_and_zero_point(output)[0])
    reals = input_scale * scales.astype(np.float64) / output_scale
    pairs = [quantize_wide_multiplier(float(real)) for real in reals]
    multipliers = np.array([q for q, _ in pairs], np.int16)
    shifts = np.array([shift for _, shift in pairs], np.int8)
    return {
        "bias": Constant("bias", bias_values(bias, channels, TensorType.INT64)),
        "multiplier": Constant("multiplier", multipliers, "Q0.15, a channel"),
        "shift": Constant("shift", shifts, "a channel"),
        "channel_step": int(scales.size > 1),
    }


def int16_limits(output: Tensor, activation: int) -> dict[str, Param]:
    """The fields output_min and output_max of a kernel on int16."""
    low, high = output_limits(output, activation)
    return {"output_min": low, "output_max": high}


def weight_scales(weights: Tensor, channels: int, axis: int) -> np.ndarray:
    """float32 scales of symmetric int8 weights, shape (channels,) or (1,).

    Raises:
        RefusedError: the weights are not int8, not symmetric, or scaled along another axis.
    """
    scales = channel_scales(weights, channels, axis)
    if weights.quantization is not None and np.any(weights.quantization.zero_point):
        _SYMMETRIC.refuse(f"the weights '{weights.name}' have a zero point other than 0")
    return scales


def channel_scales(weights: Tensor, channels: int, axis: int) -> np.ndarray:
    """float32 scales of int8 weights, shape (channels,) or (1,), whatever their zero points.

    Raises:
        RefusedError: the weights are not int8, or scaled along another axis.
    """
    quantization = weights.quantization
    if weights.type != TensorType.INT8 or quantization is None:
        TYPES.refuse(
            f"the weights '{weights.name}' are {weights.type.name}; int8 with scales is supported"
        )
    if quantization.per_channel and (
        quantization.axis != axis or quantization.scale.size != channels
    ):
        CHANNELS.refuse(
            f"the weights '{weights.name}' have scales along axis {quantization.axis}, "
            f"where axis {axis} is the output channel"
        )
    return quantization.scale


def bias_values(
    bias: Tensor | None, channels: int, type_: TensorType = TensorType.INT32
) -> np.ndarray:
    """The biases, which must be of one type, as int64, (channels,); zeros if there are none."""
    if bias is None:
        return np.zeros(channels, np.int64)
    if bias.type != type_:
        TYPES.refuse(f"the bias '{bias.name}' is {bias.type.name}, not {type_.name}")
    data = BIAS.values(bias)
    if data.size != channels:
        SHAPES.refuse(f"the bias '{bias.name}' has {data.size} values for {channels} channels")
    return data.reshape(-1).astype(np.int64)


def folded_bias(
    bias: Tensor | None, channels: int, weight_sums: np.ndarray, input_zero_point: int
) -> Constant:
    """bias[c] - input_zero_point * sum of the weights of c, modulo 2^32.

    Kernels then multiply raw activations: sum((x - z) * w) = sum(x * w) - z * sum(w).
    """
    folded = wrap_int32(
        bias_values(bias, channels) - input_zero_point * weight_sums.astype(np.int64)
    )
    return Constant("bias", folded.astype(np.int32), "less the input's zero point times weights")


# Sums below this leave room to double them and to add a rounding constant.
_NARROW = 1 << 30

_LARGEST_INPUT = 128


def is_narrow(bias: Constant, shift: Constant, weights: np.ndarray) -> int:
    """Whether a kernel may take the short way to requantise.

    Args:
        bias: the folded biases, (channels,).
        shift: shifts, (channels,) or (1,).
        weights: integer weights, (channels, products an output).

    Returns:
        1 if no partial or whole sum can reach 2^30 and every shift is to the right, else 0.
    """
    reach = np.abs(bias.values.astype(np.int64))
    reach = reach + _LARGEST_INPUT * np.abs(weights.astype(np.int64)).sum(axis=1)
    return int(reach.max() < _NARROW and shift.values.max() < 0)
