"""Lowering of BATCH_MATMUL."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tfedge_converters.arithmetic.fixed_point import quantize_multiplier
from tfedge_converters.arithmetic.wide_products import quantize_wide_multiplier
from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.dynamic import dense_call
from tfedge_converters.c.kernels.fully_connected import PRODUCTS
from tfedge_converters.c.kernels.requantization import INT8_WEIGHTS, LARGEST_REAL, WEIGHTS
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


# Of real numbers times constants of int8.
_ONE_MATRIX = Limit("int8 constants of one matrix, with one scale")
_ROWS = Limit(
    "of int8 constants a first operand whose last two axes are not swapped, with one axis of "
    "batches longer than 1, since LiteRT's reference mixes up the scales of more"
)


@kernel("BATCH_MATMUL", "int8 int16", limits=(_RANKS, *_DEPTH.values()))
def lower_batch_matmul(operator: Operator) -> Lowered:
    """[..., rows, depth] times [..., depth, columns], either with its last two axes swapped."""
    a, b, output = _operands(operator)
    width = checks.activations(a, b, output)
    call, depth = _products(operator, width, _quantization_fields(a, b, output))
    _DEPTH[width].refuse_above(
        depth, f"{depth} products an output; at most {_DEPTH[width].most} are possible"
    )
    return call


@kernel(
    "BATCH_MATMUL",
    "float32",
    limits=(_RANKS, _ONE_MATRIX, _ROWS, WEIGHTS, *INT8_WEIGHTS, PRODUCTS),
)
def lower_float_batch_matmul(operator: Operator) -> Lowered:
    """The same of real numbers, or of real numbers with int8 constants."""
    a, b, output = _operands(operator)
    if b.type == TensorType.INT8:
        return _lower_dynamic(operator)
    checks.real(a, b, output)
    return _products(operator, checks.REAL_WIDTH, {})[0]


def _lower_dynamic(operator: Operator) -> Lowered:
    """Rows of real numbers times one matrix: what a dense layer computes, in LiteRT too."""
    a, b, output = _operands(operator)
    checks.real(a, output)
    if operator.options.adjX or sum(size > 1 for size in a.shape[:-2]) > 1:
        _ROWS.refuse(
            f"'{a.name}' of shape {a.shape} is swapped, or has several axes of batches; RESHAPE "
            "them to one"
        )
    (columns, depth), values = b.shape[-2:], WEIGHTS.values(b)
    if not operator.options.adjY:
        columns, depth = depth, columns
    if values.size != columns * depth or b.quantization is None or b.quantization.per_channel:
        _ONE_MATRIX.refuse(f"'{b.name}' of shape {b.shape} has several matrices, or scales")
    checks.shape(output, (*a.shape[:-1], columns))
    checks.shape(a, (*a.shape[:-1], depth))
    matrix = values.reshape(b.shape[-2:])
    data = np.ascontiguousarray(matrix if operator.options.adjY else matrix.T)
    weights = replace(b, shape=(columns, depth), data=data)
    bias = Constant("bias", np.zeros(columns, np.float32))
    limits = {"output_min": -LARGEST_REAL, "output_max": LARGEST_REAL}
    return dense_call(operator, a, weights, {"bias": bias, **limits})


def _operands(operator: Operator) -> tuple[Tensor, Tensor, Tensor]:
    checks.operands(operator, least=2)
    a, b, output = checks.operand(operator, 0), checks.operand(operator, 1), operator.outputs[0]
    for tensor in (a, b):
        checks.elements(tensor)
        if not 2 <= len(tensor.shape) <= 2 + _BATCH_AXES:
            _RANKS.refuse(
                f"'{tensor.name}' has shape {tensor.shape}; 2 to {2 + _BATCH_AXES} dimensions are "
                "possible"
            )
    return a, b, output


def _products(
    operator: Operator, width: str, quantization: dict[str, Param]
) -> tuple[Lowered, int]:
    """The kernel for a width, and how many products an output has."""
    a, b, output = _operands(operator)
    options = operator.options
    rows, depth, a_row_step, a_depth_step = _matrix(a, bool(options.adjX))
    columns, b_depth, b_column_step, b_depth_step = _matrix(b, not options.adjY)
    if depth != b_depth:
        SHAPES.refuse(
            f"'{a.name}' has {depth} and '{b.name}' {b_depth} values to multiply; both must have "
            "the same number"
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
        **quantization,
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
    return Lowered((call,), detail=f"{rows}x{depth}x{columns}"), depth


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
