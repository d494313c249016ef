"""Lowering of BATCH_MATMUL."""

from __future__ import annotations

import numpy as np

from tfedge_converters.arithmetic.fixed_point import quantize_multiplier
from tfedge_converters.arithmetic.wide_products import quantize_wide_multiplier
from tfedge_converters.c.kernel_call import KernelCall, Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.limits import SHAPES, AtMost, Limit
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

# A sum of more products of centred values than this could leave int32, or int64.
_DEPTH = {
    "s8": AtMost(((1 << 31) - 1) // 255**2, "products an output in int8"),
    "s16": AtMost((1 << 31) - 1, "products an output in int16"),
}

# Axes before the matrices' own.
_BATCH_AXES = 3
_RANKS = Limit(f"2 to {2 + _BATCH_AXES} dimensions")


@kernel("BATCH_MATMUL", "int8 int16 float32", limits=(_RANKS, *_DEPTH.values()))
def lower_batch_matmul(operator: Operator) -> Lowered:
    """[..., rows, depth] times [..., depth, columns], either with its last two axes swapped."""
    checks.operands(operator, least=2)
    a, b, output = checks.operand(operator, 0), checks.operand(operator, 1), operator.outputs[0]
    width = checks.numbers(a, b, output)
    for tensor in (a, b):
        checks.elements(tensor)
        if not 2 <= len(tensor.shape) <= 2 + _BATCH_AXES:
            _RANKS.refuse(
                f"'{tensor.name}' has shape {tensor.shape}; 2 to {2 + _BATCH_AXES} dimensions are "
                "possible"
            )
    options = operator.options
    rows, depth, a_row_step, a_depth_step = _matrix(a, bool(options.adjX))
    columns, b_depth, b_column_step, b_depth_step = _matrix(b, not options.adjY)
    if depth != b_depth:
        SHAPES.refuse(
            f"'{a.name}' has {depth} and '{b.name}' {b_depth} values to multiply; both must have "
            "the same number"
        )
    if width in _DEPTH:
        _DEPTH[width].refuse_above(
            depth, f"{depth} products an output; at most {_DEPTH[width].most} are possible"
        )
    batches = _batches(a, b)
    checks.shape(output, (*batches, rows, columns))
    params: dict[str, Param] = {
        "batches": _padded(batches),
        "a_batch_step": _batch_steps(a),
        "b_batch_step": _batch_steps(b),
        "rows": rows,
        "columns": columns,
        "depth": depth,
        "a_row_step": a_row_step,
        "a_depth_step": a_depth_step,
        "b_column_step": b_column_step,
        "b_depth_step": b_depth_step,
        **_quantization_fields(a, b, output),
    }
    call = KernelCall(
        kernel=f"batch_matmul_{width}",
        header=f"batch_matmul_{width}",
        struct=f"batch_matmul_{width}",
        params=params,
        operands=(a, b),
        output=output,
        macs=output.elements * depth,
    )
    return Lowered((call,), detail=f"{rows}x{depth}x{columns}")


def _matrix(tensor: Tensor, swapped: bool) -> tuple[int, int, int, int]:
    """Extents of the axis that is kept and of the one summed over, and the step along each."""
    outer, inner = tensor.shape[-2:]
    return (inner, outer, 1, inner) if swapped else (outer, inner, inner, 1)


def _batches(a: Tensor, b: Tensor) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        SHAPES.refuse(f"the matrices of shapes {a.shape} and {b.shape} do not pair up")


def _padded(batches: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * (_BATCH_AXES - len(batches)) + batches


def _batch_steps(tensor: Tensor) -> tuple[int, ...]:
    """Elements from a matrix to the next along each batch axis; 0 where one serves all."""
    steps = []
    step = tensor.shape[-2] * tensor.shape[-1]
    for size in reversed(_padded(tensor.shape[:-2])):
        steps.append(0 if size == 1 else step)
        step *= size
    return tuple(reversed(steps))


def _quantization_fields(a: Tensor, b: Tensor, output: Tensor) -> dict[str, Param]:
    if output.type == TensorType.FLOAT32:
        return {}
    a_scale, a_zero_point = checks.scale_and_zero_point(a)
    b_scale, b_zero_point = checks.scale_and_zero_point(b)
    out_scale, out_zero_point = checks.scale_and_zero_point(output)
    real = float(a_scale) * float(b_scale) / float(out_scale)
    if output.type == TensorType.INT16:
        multiplier, shift = quantize_wide_multiplier(real)
        return {"output_multiplier": multiplier, "output_shift": shift}
    multiplier, shift = quantize_multiplier(real)
    return {
        "a_zero_point": a_zero_point,
        "b_zero_point": b_zero_point,
        "output_multiplier": multiplier,
        "output_shift": shift,
        "output_zero_point": out_zero_point,
    }
