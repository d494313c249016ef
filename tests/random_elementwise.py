"""Random element-wise operators and reductions."""

from __future__ import annotations

from functools import partial

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder

from tfedge_converters.graph import Operator, Quantization, Tensor, TensorType

BOOL = TensorType.BOOL


def broadcast_shapes(b: Builder, count: int, most: int) -> list[tuple[int, ...]]:
    """Shapes of up to `most` dimensions that broadcast: some axes 1, some leading ones missing."""
    rank = int(b.rng.integers(0, most + 1)) if b.rng.random() < 0.9 else most
    shape = b.rng.integers(1, 6 if rank < 5 else 4, rank).tolist()
    shapes = [list(shape) for _ in range(count)]
    if b.rng.random() < 0.7:
        for axis in range(rank):
            for operand in b.rng.permutation(count)[: int(b.rng.integers(count))]:
                shapes[operand][axis] = 1
    if b.rng.random() < 0.3:
        shapes[0] = shapes[0][int(b.rng.integers(rank + 1)) :]
    return [tuple(operand) for operand in shapes]


def near(b: Builder, scale: float, low: float, high: float) -> Quantization:
    factor = float(np.exp(b.rng.uniform(np.log(low), np.log(high))))
    return Quantization.per_tensor(scale * factor, b.zero_point())


def operand(b: Builder, shape, quantization):
    """A run-time value, or now and then a constant."""
    if b.rng.random() < 0.2:
        return b.activation_constant(shape, quantization)
    return b.input(shape, quantization)


def flags(b: Builder, shape):
    source = b.input(shape, type_=BOOL)
    source.quantization = None
    return source


def extreme(code: str, b: Builder) -> None:
    shapes = broadcast_shapes(b, 2, 5)
    quantization = b.quantization()
    left, right = b.input(shapes[0], quantization), operand(b, shapes[1], quantization)
    out = np.broadcast_shapes(*shapes)
    b.output(code, [left, right], out, quantization, schema.MaximumMinimumOptionsT())


def compare(code: str, b: Builder) -> None:
    shapes = broadcast_shapes(b, 2, 5)
    if code in ("EQUAL", "NOT_EQUAL") and b.rng.random() < 0.3:
        inputs = [flags(b, shape) for shape in shapes]
        b.output(code, inputs, np.broadcast_shapes(*shapes), None, type_=BOOL)
        return
    left = b.input(shapes[0], near(b, 0.03, 1e-4, 30))
    scale = float(left.quantization.scale[0])
    quantization = left.quantization if b.rng.random() < 0.4 else near(b, scale, 0.1, 1)
    right = operand(b, shapes[1], quantization)
    b.output(code, [left, right], np.broadcast_shapes(*shapes), None, type_=BOOL)


def compare_reals(b: Builder) -> None:
    """Any comparison of what two DEQUANTIZE give, or of that with a constant."""
    codes = ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"]
    shapes = broadcast_shapes(b, 2, 5)
    left = real(b, shapes[0])
    if b.rng.random() < 0.3:
        values = b.rng.normal(size=shapes[1]).astype(np.float32)
        right = b.constant(values, None, TensorType.FLOAT32)
    else:
        right = real(b, shapes[1])
    code = str(b.rng.choice(codes))
    b.output(code, [left, right], np.broadcast_shapes(*shapes), None, version=1, type_=BOOL)


def real(b: Builder, shape) -> Tensor:
    source = b.input(shape, near(b, 0.03, 1e-4, 3e3))
    made = Tensor(f"{source.name}_real", source.shape, TensorType.FLOAT32)
    b.operators.append(Operator("DEQUANTIZE", [source], [made], None, 2))
    return made


def logical(code: str, b: Builder) -> None:
    shapes = broadcast_shapes(b, 2, 5)
    inputs = [flags(b, shape) for shape in shapes]
    b.output(code, inputs, np.broadcast_shapes(*shapes), None, version=1, type_=BOOL)


def logical_not(b: Builder) -> None:
    source = flags(b, broadcast_shapes(b, 1, 5)[0])
    b.output("LOGICAL_NOT", [source], source.shape, None, version=1, type_=BOOL)


def select_v2(b: Builder) -> None:
    shapes = broadcast_shapes(b, 3, 5)
    quantization = b.quantization()
    inputs = [flags(b, shapes[0]), b.input(shapes[1], quantization)]
    inputs.append(operand(b, shapes[2], quantization))
    out = np.broadcast_shapes(*shapes)
    b.output("SELECT_V2", inputs, out, quantization, schema.SelectV2OptionsT(), 1)


def select(b: Builder) -> None:
    shape = tuple(b.rng.integers(1, 5, int(b.rng.integers(1, 6))).tolist())
    condition = shape[: int(b.rng.integers(2))] if b.rng.random() < 0.5 else shape
    quantization = b.quantization()
    inputs = [flags(b, condition), b.input(shape, quantization), b.input(shape, quantization)]
    b.output("SELECT", inputs, shape, quantization, schema.SelectOptionsT(), 2)


def squared_difference(b: Builder) -> None:
    shapes = broadcast_shapes(b, 2, 5)
    left = b.input(shapes[0])
    scale = float(left.quantization.scale[0])
    right = operand(b, shapes[1], near(b, scale, 1e-2, 1e2))
    step = max(scale, float(right.quantization.scale[0])) ** 2
    options = schema.SquaredDifferenceOptionsT()
    out = np.broadcast_shapes(*shapes)
    b.output("SQUARED_DIFFERENCE", [left, right], out, near(b, step, 0.5, 300), options)


def divisor(b: Builder, shape):
    """Values that are not 0, by which no reference divides."""
    quantization = b.quantization()
    zero = int(quantization.zero_point[0])
    if b.rng.random() < 0.4:
        values = b.int8(shape)
        return b.constant(np.where(values == zero, zero ^ 1, values).astype(np.int8), quantization)
    code, limit = (
        ("MAXIMUM", zero + 1) if zero < b.rng.integers(-127, 127) else ("MINIMUM", zero - 1)
    )
    limit = b.constant(np.array([limit], np.int8), quantization)
    inputs = [b.input(shape, quantization), limit]
    shape = np.broadcast_shapes(shape, (1,))
    return b.output(code, inputs, shape, quantization, schema.MaximumMinimumOptionsT())


def div(b: Builder) -> None:
    shapes = broadcast_shapes(b, 2, 5)
    left = b.input(shapes[0])
    right = divisor(b, shapes[1])
    quotient = float(left.quantization.scale[0] / right.quantization.scale[0])
    options = schema.DivOptionsT()
    options.fusedActivationFunction = b.activation()
    out = np.broadcast_shapes(left.shape, right.shape)
    # The reference is undefined where a step of the result is too coarse.
    quantization = near(b, quotient / 64, 1e-3, 0.9)
    b.output("DIV", [left, right], out, quantization, options, 1)


def far_sum(code: str, options, b: Builder) -> None:
    """ADD and SUB of up to six dimensions, of scales that lie apart, saturating or not."""
    shapes = broadcast_shapes(b, 2, 6)
    left = b.input(shapes[0])
    scale = float(left.quantization.scale[0])
    # Sums that end in halves are what the linear kernel cannot round.
    halves = b.rng.random() < 0.7
    right = operand(b, shapes[1], near(b, scale, 1, 1) if halves else near(b, scale, 1e-3, 1e3))
    largest = max(scale, float(right.quantization.scale[0]))
    quantization = near(b, 2 * scale, 1, 1) if halves else near(b, largest, 0.05, 50)
    options = options()
    options.fusedActivationFunction = b.activation()
    b.output(code, [left, right], np.broadcast_shapes(*shapes), quantization, options)


def reduced_shapes(b: Builder, most: int):
    """Input shape, output shape, axes as the operator has them, keepDims."""
    rank = int(b.rng.integers(1, most + 1))
    shape = tuple(b.rng.integers(1, 9 if rank < 4 else 5, rank).tolist())
    axes = b.rng.choice(rank, int(b.rng.integers(1, rank + 1)), replace=False).tolist()
    keeps = bool(b.rng.random() < 0.5)
    out = [1 if i in axes else n for i, n in enumerate(shape) if keeps or i not in axes]
    named = [axis - rank if b.rng.random() < 0.3 else axis for axis in axes]
    if b.rng.random() < 0.1:
        named.append(named[0])
    return shape, tuple(out), np.array(named, np.int32), keeps


def reduction(code: str, b: Builder, type_=None) -> None:
    shape, out, axes, keeps = reduced_shapes(b, 5)
    source = b.input(shape, type_=type_) if type_ != BOOL else flags(b, shape)
    options = schema.ReducerOptionsT()
    options.keepDims = keeps
    quantization = source.quantization
    if code in ("SUM", "MEAN") and b.rng.random() < 0.7:
        step = float(quantization.scale[0])
        count = source.elements / max(np.prod(out), 1)
        quantization = near(b, step * np.sqrt(count) if code == "SUM" else step, 0.05, 5)
    version = 1 if type_ == BOOL else 2
    b.output(code, [source, b.constant(axes)], out, quantization, options, version, type_)


def reduce_prod(b: Builder) -> None:
    shape, out, axes, keeps = reduced_shapes(b, 5)
    options = schema.ReducerOptionsT()
    options.keepDims = keeps
    zero_point = b.zero_point()
    count = int(np.prod(shape)) // max(int(np.prod(out)), 1)
    # Magnitudes of the largest product, and of that in steps of the result: the reference wraps
    # beyond 2^31.
    most = 14 if b.activations == TensorType.INT8 else 9
    largest, steps = np.exp(b.rng.uniform([-15, 0], [15, most]) / count)
    steps = min(steps, 1 << 13)  # and takes no multiplier from 128 on
    limits = np.iinfo(b.activations.dtype)
    scale = float(largest / max(limits.max - zero_point, zero_point - limits.min))
    source = b.input(shape, Quantization.per_tensor(scale, zero_point))
    quantization = Quantization.per_tensor(float((largest / steps) ** count), b.zero_point())
    inputs = [source, b.constant(axes)]
    b.output("REDUCE_PROD", inputs, out, quantization, options, 2)


def arg_min_max(code: str, options, b: Builder) -> None:
    shape, _, axes, _ = reduced_shapes(b, 5)
    axis = int(axes[0])
    source = b.input(shape)
    out = np.delete(shape, axis).tolist()
    options = options()
    options.outputType = int(TensorType.INT32)
    inputs = [source, b.constant(np.array(axis if b.rng.random() < 0.5 else [axis], np.int32))]
    b.output(code, inputs, out, None, options, type_=TensorType.INT32)


def cumsum(b: Builder) -> None:
    shape, _, axes, _ = reduced_shapes(b, 5)
    source = b.input(shape)
    options = schema.CumsumOptionsT()
    options.exclusive, options.reverse = (bool(flag) for flag in b.rng.random(2) < 0.5)
    quantization = near(b, float(source.quantization.scale[0]), 0.05, 10)
    axis = b.constant(np.array(axes[:1], np.int32))
    b.output("CUMSUM", [source, axis], shape, quantization, options, 1)


def add_n(b: Builder) -> None:
    shape = tuple(b.rng.integers(1, 6, int(b.rng.integers(0, 6))).tolist())
    quantization = b.quantization()
    count = int(b.rng.integers(2, 7))
    inputs = [b.input(shape, quantization) for _ in range(count)]
    step = float(quantization.scale[0])
    b.output("ADD_N", inputs, shape, near(b, step, 0.05, 10), schema.AddNOptionsT(), 1)


def scattered_mul(b: Builder) -> None:
    shapes = broadcast_shapes(b, 2, 6)
    left, right = b.input(shapes[0]), operand(b, shapes[1], b.quantization())
    options = schema.MulOptionsT()
    options.fusedActivationFunction = b.activation()
    # TFLite Micro refuses limits of a fused activation that are no int32 in steps of the result.
    step = max(float(left.quantization.scale[0] * right.quantization.scale[0]), 1e-8)
    out = np.broadcast_shapes(*shapes)
    b.output("MUL", [left, right], out, near(b, step, 0.5, 300), options)


def topk_v2(b: Builder) -> None:
    shape = tuple(b.rng.integers(1, 9, int(b.rng.integers(1, 5))).tolist())
    count = int(b.rng.integers(1, shape[-1] + 1))
    source = b.input(shape)
    k = b.constant(np.array(count, np.int32))
    out = (*shape[:-1], count)
    values = b.output("TOPK_V2", [source, k], out, source.quantization, schema.TopKV2OptionsT())
    positions = Tensor(f"{values.name}_positions", out, TensorType.INT32)
    b.operators[-1].outputs.append(positions)
    b.outputs.append(positions)


OPERATORS = {
    "maximum": partial(extreme, "MAXIMUM"),
    "minimum": partial(extreme, "MINIMUM"),
    "equal": partial(compare, "EQUAL"),
    "not_equal": partial(compare, "NOT_EQUAL"),
    "less": partial(compare, "LESS"),
    "less_equal": partial(compare, "LESS_EQUAL"),
    "greater": partial(compare, "GREATER"),
    "greater_equal": partial(compare, "GREATER_EQUAL"),
    "compare_reals": compare_reals,
    "logical_and": partial(logical, "LOGICAL_AND"),
    "logical_or": partial(logical, "LOGICAL_OR"),
    "logical_not": logical_not,
    "select": select,
    "select_v2": select_v2,
    "squared_difference": squared_difference,
    "div": div,
    "far_add": partial(far_sum, "ADD", schema.AddOptionsT),
    "far_sub": partial(far_sum, "SUB", schema.SubOptionsT),
    "scattered_mean": partial(reduction, "MEAN"),
    "sum": partial(reduction, "SUM"),
    "reduce_max": partial(reduction, "REDUCE_MAX"),
    "reduce_min": partial(reduction, "REDUCE_MIN"),
    "reduce_prod": reduce_prod,
    "reduce_any": partial(reduction, "REDUCE_ANY", type_=BOOL),
    "reduce_all": partial(reduction, "REDUCE_ALL", type_=BOOL),
    "arg_max": partial(arg_min_max, "ARG_MAX", schema.ArgMaxOptionsT),
    "arg_min": partial(arg_min_max, "ARG_MIN", schema.ArgMinOptionsT),
    "cumsum": cumsum,
    "topk_v2": topk_v2,
    "add_n": add_n,
    "scattered_mul": scattered_mul,
}

# TFLite Micro does not have these.
LITERT = {"reduce_any", "reduce_prod", "select", "topk_v2"}
