"""SOFTMAX, LOG_SOFTMAX and L2_NORMALIZATION: every row of the last axis by itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge.quantization.function_tables import exponential_table, reciprocal_table
from tfedge_converters.arithmetic.fixed_point import quantize_multiplier
from tfedge_converters.arithmetic.tables import log_softmax_scaling, softmax_exp_table
from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.graph.types import Operator, Tensor, TensorType

# The sum of more exponentials could leave its 12 integer bits.
_LARGEST_DEPTH = 4095

# The sum of more exponentials of int16 could leave int32.
_LARGEST_INT16_DEPTH = 1 << 16

# Distances of up to 10 from the largest value of a row are 16-bit integers.
_INT16_STEP = 10.0 / 65535.0

# Differences of int16, shifted further, leave int32.
_LARGEST_INT16_SHIFT = 14

# The sum of more squares of 9-bit differences could leave int32.
_LARGEST_L2_DEPTH = ((1 << 31) - 1) // 255**2


def lower_softmax(operator: Operator) -> Lowered:
    """exp(beta * x) / sum, along the last axis."""
    beta = float(operator.options.beta)
    if checks.operand(operator, 0).type == TensorType.INT16:
        source, output = _operands(operator, (1 / 32768, 0), _LARGEST_INT16_DEPTH)
        return _row_call("softmax_s16", source, output, _int16_fields(source, beta))
    source, output = _operands(operator, (1 / 256, -128), _LARGEST_DEPTH)
    return _row_call("softmax_s8", source, output, _exp_fields(source, beta))


def lower_log_softmax(operator: Operator) -> Lowered:
    """x - log(sum of exp(x)), along the last axis."""
    source, output = _operands(operator, (16 / 256, 127), _LARGEST_DEPTH)
    checks.int8(source)
    exp_fields = _exp_fields(source, beta=1.0)
    scaling = log_softmax_scaling(float(checks.scale_and_zero_point(source)[0]))
    return _row_call("log_softmax_s8", source, output, {**scaling._asdict(), **exp_fields})


def lower_l2_normalization(operator: Operator) -> Lowered:
    """x / sqrt(sum of squares), along the last axis."""
    source, output = _operands(operator, (1 / 128, 0), _LARGEST_L2_DEPTH)
    checks.int8(source)
    if operator.options.fusedActivationFunction != schema.ActivationFunctionType.NONE:
        raise checks.RefusedError("a fused activation is not supported here")
    zero_point = checks.scale_and_zero_point(source)[1]
    return _row_call("l2_normalization_s8", source, output, {"input_zero_point": zero_point})


def _operands(
    operator: Operator, grid: tuple[float, int], largest_depth: int
) -> tuple[Tensor, Tensor]:
    checks.operands(operator, least=1)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    checks.activations(source, output)
    checks.fixed_quantization(output, *grid)
    checks.shape(output, source.shape)
    if not source.shape or source.shape[-1] > largest_depth:
        raise checks.RefusedError(
            f"shape {source.shape}; the last axis may have 1 to {largest_depth}"
        )
    return source, output


def _exp_fields(source: Tensor, beta: float) -> dict[str, Param]:
    exp_table = softmax_exp_table(float(checks.scale_and_zero_point(source)[0]), beta)
    return {
        "exp_entries": exp_table.size,
        "exp_table": Constant("exp_table", exp_table.astype(np.int32), "Q0.31"),
    }


def _int16_fields(source: Tensor, beta: float) -> dict[str, Param]:
    real = float(checks.scale_and_zero_point(source)[0]) * beta / _INT16_STEP
    multiplier, shift = quantize_multiplier(real)
    if shift > _LARGEST_INT16_SHIFT:
        raise checks.RefusedError(
            f"beta times the scale of '{source.name}' is {real * _INT16_STEP:.3g}, so large that "
            "the reference's integers overflow"
        )
    return {
        "multiplier": multiplier,
        "shift": shift,
        "exp_table": Constant("exp_table", exponential_table(), "exp(-10) to exp(0), Q0.15"),
        "reciprocal_table": Constant("reciprocal_table", reciprocal_table(), "1 to 1/2, Q0.15"),
    }


def _row_call(kernel: str, source: Tensor, output: Tensor, fields: Mapping[str, Param]) -> Lowered:
    depth = source.shape[-1]
    call = KernelCall(
        kernel=kernel,
        header=kernel,
        struct=kernel,
        params={"rows": checks.elements(source) // depth, "depth": depth, **fields},
        operands=(source,),
        output=output,
        in_place=(0,),
    )
    return Lowered((call,))
