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
from tfedge_converters.c.limits import NO_ACTIVATION, AtMost, FixedGrid, Limit
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

# The sum of more exponentials could leave its 12 integer bits.
_DEPTH = AtMost(4095, "values a row")

# The sum of more exponentials of int16 could leave int32.
_INT16_DEPTH = AtMost(1 << 16, "values a row")

# Distances of up to 10 from the largest value of a row are 16-bit integers.
_INT16_STEP = 10.0 / 65535.0

# Differences of int16, shifted further, leave int32.
_LARGEST_INT16_SHIFT = 14

# The sum of more squares of 9-bit differences could leave int32.
_L2_DEPTH = AtMost(((1 << 31) - 1) // 255**2, "values a row")

_BETA = Limit("beta times the operand's scale within what the reference's integers hold")
_SCALE = Limit("an operand's scale that the reference's integers hold")

# What the specification gives the results.
_PROBABILITIES = FixedGrid(1 / 256, -128)
_INT16_PROBABILITIES = FixedGrid(1 / 32768, 0)
_FINE_SCALE, _FINE_TOLERANCE, _FINE_ZERO_POINT = 1 / 65536, 0.001, -(1 << 15)
_FINE_PROBABILITIES = Limit(
    "of results in int16 the scale 1/65536, to a thousandth, and the zero point -32768"
)
_LOG_PROBABILITIES = FixedGrid(16 / 256, 127)
_DIRECTIONS = FixedGrid(1 / 128, 0)


@kernel("SOFTMAX", "int8", limits=(_PROBABILITIES, _FINE_PROBABILITIES, _DEPTH, _BETA))
def lower_softmax(operator: Operator) -> Lowered:
    """exp(beta * x) / sum, along the last axis; int8 to int8, or to int16."""
    is_fine = operator.outputs[0].type == TensorType.INT16
    source, output = (
        _fine_operands(operator) if is_fine else _operands(operator, _PROBABILITIES, _DEPTH)
    )
    with _BETA.where_undefined():
        fields = _exp_fields(source, float(operator.options.beta))
    if is_fine:
        return _row_call("softmax_s8_s16", source, output, fields, header="softmax_s8", in_place=())
    return _row_call("softmax_s8", source, output, fields)


def _fine_operands(operator: Operator) -> tuple[Tensor, Tensor]:
    checks.operands(operator, least=1)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    checks.int8(source)
    scale, zero_point = checks.integer_grid(output)
    is_near = abs(float(scale) - _FINE_SCALE) <= _FINE_TOLERANCE * _FINE_SCALE
    if not is_near or zero_point != _FINE_ZERO_POINT:
        _FINE_PROBABILITIES.refuse(
            f"'{output.name}' is INT16 with the scale {scale} and the zero point {zero_point}; "
            f"about {_FINE_SCALE:.8g} and {_FINE_ZERO_POINT} are needed"
        )
    return _rows(source, output, _DEPTH)


@kernel("SOFTMAX", "int16", limits=(_INT16_PROBABILITIES, _INT16_DEPTH, _BETA))
def lower_int16_softmax(operator: Operator) -> Lowered:
    """The same; exponentials and the reciprocal of their sum are interpolated in tables."""
    source, output = _operands(operator, _INT16_PROBABILITIES, _INT16_DEPTH)
    fields = _int16_fields(source, float(operator.options.beta))
    return _row_call("softmax_s16", source, output, fields)


@kernel("LOG_SOFTMAX", "int8", limits=(_LOG_PROBABILITIES, _DEPTH, _SCALE))
def lower_log_softmax(operator: Operator) -> Lowered:
    """x - log(sum of exp(x)), along the last axis."""
    source, output = _operands(operator, _LOG_PROBABILITIES, _DEPTH)
    checks.int8(source)
    with _SCALE.where_undefined():
        exp_fields = _exp_fields(source, beta=1.0)
        scaling = log_softmax_scaling(float(checks.scale_and_zero_point(source)[0]))
    return _row_call("log_softmax_s8", source, output, {**scaling._asdict(), **exp_fields})


@kernel("L2_NORMALIZATION", "int8", limits=(_DIRECTIONS, _L2_DEPTH, NO_ACTIVATION))
def lower_l2_normalization(operator: Operator) -> Lowered:
    """x / sqrt(sum of squares), along the last axis."""
    source, output = _operands(operator, _DIRECTIONS, _L2_DEPTH)
    checks.int8(source)
    if operator.options.fusedActivationFunction != schema.ActivationFunctionType.NONE:
        NO_ACTIVATION.refuse("a fused activation is not supported here")
    zero_point = checks.scale_and_zero_point(source)[1]
    return _row_call("l2_normalization_s8", source, output, {"input_zero_point": zero_point})


def _operands(operator: Operator, grid: FixedGrid, depth: AtMost) -> tuple[Tensor, Tensor]:
    checks.operands(operator, least=1)
    source, output = checks.operand(operator, 0), operator.outputs[0]
    checks.activations(source, output)
    checks.fixed_quantization(output, grid)
    return _rows(source, output, depth)


def _rows(source: Tensor, output: Tensor, depth: AtMost) -> tuple[Tensor, Tensor]:
    checks.shape(output, source.shape)
    if not source.shape or source.shape[-1] > depth.most:
        depth.refuse(f"shape {source.shape}; the last axis may have 1 to {depth.most}")
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
        _BETA.refuse(
            f"beta times the scale of '{source.name}' is {real * _INT16_STEP:.3g}, so large that "
            "the reference's integers overflow"
        )
    return {
        "multiplier": multiplier,
        "shift": shift,
        "exp_table": Constant("exp_table", exponential_table(), "exp(-10) to exp(0), Q0.15"),
        "reciprocal_table": Constant("reciprocal_table", reciprocal_table(), "1 to 1/2, Q0.15"),
    }


def _row_call(
    kernel: str,
    source: Tensor,
    output: Tensor,
    fields: Mapping[str, Param],
    header: str = "",
    in_place: tuple[int, ...] = (0,),
) -> Lowered:
    depth = source.shape[-1]
    call = KernelCall(
        kernel=kernel,
        header=header or kernel,
        struct=header or kernel,
        params={"rows": checks.elements(source) // depth, "depth": depth, **fields},
        operands=(source,),
        output=output,
        in_place=in_place,
    )
    return Lowered((call,))
