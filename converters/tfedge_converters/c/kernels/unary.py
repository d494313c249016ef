"""Functions of one int8 value, each as the table of its 256 results."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfedge_converters.arithmetic import real_tables, tables
from tfedge_converters.arithmetic.activation import quantize_real
from tfedge_converters.arithmetic.hard_swish import LARGEST_SCALE_RATIO, hard_swish_table
from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.limits import DEFINED, SAME_GRID, FixedGrid, Limit
from tfedge_converters.c.registry import LITERT, kernel
from tfedge_converters.graph.types import Operator, Tensor

# 1 / scale must be an int32.
_SMALLEST_CLIP_SCALE = 1e-9
_CLIP_SCALE = Limit(f"the result's scale at least {_SMALLEST_CLIP_SCALE:g}")
_NEGATED_GRID = Limit("the result's scale that of the operand, its zero point the negative")

# Of functions that the reference computes in float32.
RESULTS = Limit("results that fit into 32 bits at their scale")

_HARD_SWISH_SCALES = Limit(
    f"the operand's scale at most {LARGEST_SCALE_RATIO} times the result's, and multipliers that "
    "the reference's integers hold"
)
_RSQRT_SCALES = Limit("a result's scale that the reference's integers hold")
_INPUT_SCALE = Limit("an operand's scale that the reference's integers hold")

_LOGISTIC_GRID, _TANH_GRID = FixedGrid(1 / 256, -128), FixedGrid(1 / 128, 0)


@kernel("LOGISTIC", "int8", limits=(_LOGISTIC_GRID, _INPUT_SCALE))
def lower_logistic(operator: Operator) -> Lowered:
    """1 / (1 + exp(-x))."""
    return _logistic_or_tanh(operator, tables.logistic_table, _LOGISTIC_GRID)


@kernel("TANH", "int8", limits=(_TANH_GRID, _INPUT_SCALE))
def lower_tanh(operator: Operator) -> Lowered:
    """Lower tanh on int8."""
    return _logistic_or_tanh(operator, tables.tanh_table, _TANH_GRID)


def _logistic_or_tanh(
    operator: Operator,
    table_of: Callable[[np.float32, int], np.ndarray],
    grid: FixedGrid,
) -> Lowered:
    source, output = checks.elementwise(operator, checks.int8)
    checks.fixed_quantization(output, grid)
    with _INPUT_SCALE.where_undefined():
        table = table_of(*checks.scale_and_zero_point(source))
    return table_call(source, output, table)


@kernel("RELU", "int8")
def lower_relu(operator: Operator) -> Lowered:
    """max(x, 0), requantised."""
    source, output = checks.elementwise(operator, checks.int8)
    scale, zero_point = checks.scale_and_zero_point(source)
    out_scale, out_zero_point = checks.scale_and_zero_point(output)
    table = tables.requantize_table(
        tables.SIGNED, scale, zero_point, out_scale, out_zero_point, out_zero_point, 127
    )
    return table_call(source, output, table)


@kernel("RELU6", "int8", limits=(SAME_GRID,))
def lower_relu6(operator: Operator) -> Lowered:
    """min(max(x, 0), 6); the reference does not rescale it."""
    source, output = checks.elementwise(operator, checks.int8)
    checks.same_quantization(operator, source, output)
    table = tables.clamp_table(*checks.scale_and_zero_point(source), upper=6.0)
    return table_call(source, output, table)


@kernel("RELU_N1_TO_1", "int8", limits=(_CLIP_SCALE,), oracle=LITERT)
def lower_relu_n1_to_1(operator: Operator) -> Lowered:
    """min(max(x, -1), 1), requantised."""
    return _lower_clip(operator, -1.0, 1.0)


@kernel("RELU_0_TO_1", "int8", limits=(_CLIP_SCALE,), oracle=LITERT)
def lower_relu_0_to_1(operator: Operator) -> Lowered:
    """min(max(x, 0), 1), requantised."""
    return _lower_clip(operator, 0.0, 1.0)


def _lower_clip(operator: Operator, bottom: float, top: float) -> Lowered:
    source, output = checks.elementwise(operator, checks.int8)
    scale, zero_point = checks.scale_and_zero_point(source)
    out_scale, out_zero_point = checks.scale_and_zero_point(output)
    low = max(quantize_real(bottom, out_scale, out_zero_point), -128)
    high = min(quantize_real(top, out_scale, out_zero_point), 127)
    if out_scale < _SMALLEST_CLIP_SCALE:
        _CLIP_SCALE.refuse(
            f"'{output.name}' has the scale {out_scale:.3g}, at which the reference's limits "
            "overflow"
        )
    with np.errstate(over="ignore"):
        ratio = scale / out_scale  # LiteRT divides in float32
    table = tables.requantize_table(
        tables.SIGNED, ratio, zero_point, 1.0, out_zero_point, low, high
    )
    return table_call(source, output, table)


@kernel("LEAKY_RELU", "int8")
def lower_leaky_relu(operator: Operator) -> Lowered:
    """x, or alpha * x for negative x."""
    source, output = checks.elementwise(operator, checks.int8)
    alpha = float(operator.options.alpha)
    table = tables.leaky_relu_table(*_grids(source, output), alpha=alpha)
    return table_call(source, output, table)


@kernel("NEG", "int8", limits=(_NEGATED_GRID,), oracle=LITERT)
def lower_neg(operator: Operator) -> Lowered:
    """-x; LiteRT negates the integers, whatever their zero points."""
    source, output = checks.elementwise(operator, checks.int8)
    scale, zero_point, out_scale, out_zero_point = _grids(source, output)
    if scale != out_scale or zero_point != -out_zero_point:
        _NEGATED_GRID.refuse(
            "its output must have its input's scale and the negative of its zero point, because "
            "the reference negates integers; MUL by -1 works for others"
        )
    return table_call(source, output, tables.negative_table())


@kernel("GELU", "int8", limits=(RESULTS,), oracle=LITERT)
def lower_gelu(operator: Operator) -> Lowered:
    """x * Phi(x), exact or approximated by tanh."""
    approximate = operator.options.approximate
    function = real_tables.gelu_tanh if approximate else real_tables.gelu
    return _lower_real(operator, lambda lowest: function)


@kernel("LOG", "int8", limits=(RESULTS,), oracle=LITERT)
def lower_log(operator: Operator) -> Lowered:
    """log(x), and the least that the output holds where there is none."""
    return _lower_real(operator, real_tables.log_or)


@kernel("ELU", "int8", limits=(RESULTS,))
def lower_elu(operator: Operator) -> Lowered:
    """x, or exp(x) - 1 for negative x."""
    return _lower_real(operator, lambda lowest: real_tables.elu)


@kernel("EXP", "int8", limits=(RESULTS,), oracle=LITERT)
def lower_exp(operator: Operator) -> Lowered:
    """e to the power of x."""
    return _lower_real(operator, lambda lowest: real_tables.exp)


def _lower_real(
    operator: Operator, choose: Callable[[np.float32], real_tables.RealFunction]
) -> Lowered:
    """A function that the reference computes in float32; `choose` gets the output's least value."""
    source, output = checks.elementwise(operator, checks.int8)
    grids = _grids(source, output)
    lowest = np.float32(-128 - grids[3]) * grids[2]
    with RESULTS.where_undefined():
        table = real_tables.function_table(choose(lowest), *grids)
    return table_call(source, output, table)


Table = Callable[[np.float32, int, np.float32, int], np.ndarray]


@kernel("ABS", "int8")
def lower_abs(operator: Operator) -> Lowered:
    """Lower |x|, requantised."""
    return _lower_table(operator, tables.abs_table, DEFINED)


@kernel("HARD_SWISH", "int8", limits=(_HARD_SWISH_SCALES,))
def lower_hard_swish(operator: Operator) -> Lowered:
    """x * min(max(x + 3, 0), 6) / 6."""
    return _lower_table(operator, hard_swish_table, _HARD_SWISH_SCALES)


@kernel("RSQRT", "int8", limits=(_RSQRT_SCALES,))
def lower_rsqrt(operator: Operator) -> Lowered:
    """1 / sqrt(x)."""
    return _lower_table(operator, tables.rsqrt_table, _RSQRT_SCALES)


@kernel("SQRT", "int8", limits=(RESULTS,), oracle=LITERT)
def lower_sqrt(operator: Operator) -> Lowered:
    """Lower the square root."""
    return _lower_table(operator, real_tables.sqrt_table, RESULTS)


def _lower_table(operator: Operator, table_of: Table, scales: Limit) -> Lowered:
    """An operator without options, from its table, which is undefined beyond `scales`."""
    source, output = checks.elementwise(operator, checks.int8)
    with scales.where_undefined():
        table = table_of(*_grids(source, output))
    return table_call(source, output, table)


@kernel("LOGICAL_NOT", "bool")
def lower_logical_not(operator: Operator) -> Lowered:
    """1 - x for bytes 0 and 1."""
    source, output = checks.elementwise(operator, checks.bools)
    return table_call(source, output, tables.UNSIGNED == 0)


def table_call(source: Tensor, output: Tensor, table: np.ndarray) -> Lowered:
    """A function of one byte as a table of its 256 results, in the order of the input's byte."""
    call = KernelCall(
        kernel="table_s8",
        header="table_s8",
        struct="table_s8",
        params={
            "elements": checks.elements(output),
            "table": Constant("table", table.astype(np.uint8).view(np.int8), "by the input's byte"),
        },
        operands=(source,),
        output=output,
        in_place=(0,),
    )
    return Lowered((call,))


def _grids(source: Tensor, output: Tensor) -> tuple[np.float32, int, np.float32, int]:
    return *checks.scale_and_zero_point(source), *checks.scale_and_zero_point(output)
