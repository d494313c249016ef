"""Random operators on int16, whose zero points are 0."""

from __future__ import annotations

from functools import partial

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder
from random_elementwise import broadcast_shapes, reduced_shapes

from tfedge.quantization.policy import OPERATORS as POLICIES
from tfedge_converters.graph import Quantization, Tensor, TensorType

INT8, INT16, INT32, FLOAT32 = (
    TensorType.INT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.FLOAT32,
)

_COUNT = 512


def grid(scale: float) -> Quantization:
    return Quantization.per_tensor(scale, 0)


def near(b: Builder, scale: float, low: float, high: float) -> Quantization:
    return grid(scale * float(np.exp(b.rng.uniform(np.log(low), np.log(high)))))


def value(b: Builder, shape, quantization=None) -> Tensor:
    """Any integers: a run-time value, or now and then a constant."""
    quantization = quantization or grid(b.scale(1e-6, 1e-2))
    if b.rng.random() < 0.2:
        limits = b.rng.random() < 0.2
        values = (
            b.rng.choice(np.array([-32768, 32767]), shape)
            if limits
            else b.rng.integers(-32768, 32768, shape)
        )
        return b.constant(values, quantization, INT16)
    return b.input(shape, quantization, INT16)


def step(tensor: Tensor) -> float:
    return float(tensor.quantization.scale[0])


def result(b: Builder, code, inputs, shape, quantization, options=None) -> Tensor:
    version = POLICIES[code].versions["int16x8"]
    return b.output(code, inputs, shape, quantization, options, version, INT16)


def _pair(b: Builder, most=4) -> tuple[list[Tensor], tuple[int, ...]]:
    shapes = broadcast_shapes(b, 2, most)
    left = b.input(shapes[0], grid(b.scale(1e-6, 1e-2)), INT16)
    right = value(b, shapes[1], near(b, step(left), 1e-3, 1e3))
    operands = [left, right] if b.rng.random() < 0.5 else [right, left]
    return operands, np.broadcast_shapes(*shapes)


def add(code: str, options, b: Builder) -> None:
    operands, shape = _pair(b)
    options = options()
    options.fusedActivationFunction = b.activation()
    options.potScaleInt16 = False
    largest = max(map(step, operands))
    result(b, code, operands, shape, near(b, largest, 0.05, 50), options)


def mul(b: Builder) -> None:
    operands, shape = _pair(b)
    options = schema.MulOptionsT()
    options.fusedActivationFunction = b.activation()
    # Limits of a fused activation must be int32 in steps of the result.
    product = max(step(operands[0]) * step(operands[1]), 1e-8)
    result(b, "MUL", operands, shape, near(b, product, 1, 1e5), options)


def extreme(code: str, b: Builder) -> None:
    shapes = broadcast_shapes(b, 2, 5)
    left = b.input(shapes[0], grid(b.scale()), INT16)
    operands = [left, value(b, shapes[1], left.quantization)]
    shape = np.broadcast_shapes(*shapes)
    result(b, code, operands, shape, left.quantization, schema.MaximumMinimumOptionsT())


def reduction(code: str, b: Builder) -> None:
    shape, out, axes, keeps = reduced_shapes(b, 5)
    source = b.input(shape, grid(b.scale(1e-6, 1e-2)), INT16)
    options = schema.ReducerOptionsT()
    options.keepDims = keeps
    quantization = source.quantization
    if code in ("SUM", "MEAN") and b.rng.random() < 0.8:
        count = source.elements / max(np.prod(out), 1)
        growth = np.sqrt(count) if code == "SUM" else 1
        quantization = near(b, step(source) * growth, 0.05, 5)
    result(b, code, [source, b.constant(axes)], out, quantization, options)


def quantize(b: Builder) -> None:
    """From one width to another, of which one at least is int16."""
    before, after = [(INT16, INT16), (INT8, INT16), (INT16, INT8), (INT16, INT32), (INT32, INT16)][
        b.rng.integers(5)
    ]
    grids = {
        INT8: b.quantization(),
        INT16: grid(b.scale(1e-6, 1e-2)),
        INT32: grid(b.scale(1e-9, 1e-5)),
    }
    source = b.input((1, _COUNT), grids[before], before)
    reach = {INT8: 128, INT16: 1 << 15, INT32: 1 << 31}
    factor = float(np.exp(b.rng.uniform(-3, 3)))
    scale = step(source) * reach[before] / reach[after] * factor
    zero_point = b.zero_point() if after == INT8 else 0
    out = Quantization.per_tensor(scale, zero_point)
    b.output("QUANTIZE", [source], source.shape, out, version=2, type_=after)


def quantize_float(b: Builder) -> None:
    source = b.input((1, _COUNT), type_=FLOAT32)
    source.quantization = None
    result(b, "QUANTIZE", [source], source.shape, grid(b.scale(1e-6, 1e-2)))


def dequantize(b: Builder) -> None:
    source = b.input((1, _COUNT), grid(b.scale(1e-6, 1e-2)), INT16)
    b.output("DEQUANTIZE", [source], source.shape, None, version=3, type_=FLOAT32)


OPERATORS = {
    "int16_add": partial(add, "ADD", schema.AddOptionsT),
    "int16_sub": partial(add, "SUB", schema.SubOptionsT),
    "int16_mul": mul,
    "int16_maximum": partial(extreme, "MAXIMUM"),
    "int16_minimum": partial(extreme, "MINIMUM"),
    "int16_mean": partial(reduction, "MEAN"),
    "int16_sum": partial(reduction, "SUM"),
    "int16_reduce_max": partial(reduction, "REDUCE_MAX"),
    "int16_reduce_min": partial(reduction, "REDUCE_MIN"),
    "int16_quantize": quantize,
    "int16_quantize_float": quantize_float,
    "int16_dequantize": dequantize,
}

# TFLite Micro does not have these in int16.
LITERT = {"int16_reduce_max", "int16_reduce_min"}
