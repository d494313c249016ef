"""Random operators on int16: those on int8 with another type, and what int16 computes otherwise."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import random_core
import random_elementwise
import random_heavy
import random_recurrent
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder

from tfedge_converters.graph import Quantization, TensorType

INT8, INT16, INT32 = TensorType.INT8, TensorType.INT16, TensorType.INT32
FLOAT32 = TensorType.FLOAT32

_COUNT = 512


def grid(scale: float) -> Quantization:
    return Quantization.per_tensor(scale, 0)


def near(b: Builder, scale: float, low: float, high: float) -> Quantization:
    return grid(scale * float(np.exp(b.rng.uniform(np.log(low), np.log(high)))))


def quantize(b: Builder) -> None:
    """From one width to another, of which one at least is int16."""
    pairs = [(INT16, INT16), (INT8, INT16), (INT16, INT8), (INT16, INT32), (INT32, INT16)]
    before, after = pairs[b.rng.integers(len(pairs))]
    bits = {INT8: 8, INT16: 16, INT32: 32}
    zero_points = {
        type_: int(b.rng.integers(-128, 128)) if type_ == INT8 else 0 for type_ in (before, after)
    }
    if b.rng.random() < 0.5:
        # Of int16 that others have made than this quantiser.
        zero_points[INT16] = int(b.rng.choice([-32768, -5, 32767]))
    scale = b.scale(1e-6, 1e-2)
    source = b.input((1, _COUNT), Quantization.per_tensor(scale, zero_points[before]), before)
    scale *= 2.0 ** (bits[before] - bits[after]) * float(np.exp(b.rng.uniform(-3, 3)))
    out = Quantization.per_tensor(scale, zero_points[after])
    b.output("QUANTIZE", [source], source.shape, out, type_=after)


def quantize_float(b: Builder) -> None:
    source = b.input((1, _COUNT), type_=FLOAT32)
    source.quantization = None
    b.output("QUANTIZE", [source], source.shape, grid(b.scale(1e-6, 1e-2)))


def dequantize(b: Builder) -> None:
    source = b.input((1, _COUNT))
    b.output("DEQUANTIZE", [source], source.shape, None, type_=FLOAT32)


def _unary(b: Builder, code: str, scale: float, out: Quantization, options=None) -> None:
    source = b.input((1, _COUNT), grid(scale))
    b.output(code, [source], source.shape, out, options)


def rescaled(code: str, b: Builder) -> None:
    """ABS, RELU and LEAKY_RELU."""
    options = None
    if code == "LEAKY_RELU":
        options = schema.LeakyReluOptionsT()
        options.alpha = float(b.rng.choice([0.0, 0.01, 0.2, 1.0, 3.7, -0.5, b.rng.normal()]))
    scale = b.scale(1e-6, 1e-2)
    out = grid(scale) if b.rng.random() < 0.2 else near(b, scale, 0.1, 10)
    _unary(b, code, scale, out, options)


def relu6(b: Builder) -> None:
    scale = b.scale(1e-6, 1e-2)
    _unary(b, "RELU6", scale, grid(scale))


def sigmoidal(code: str, b: Builder) -> None:
    powers = [2.0**-12, 2.0**-11, 2.0**-13, 2.0**-9]
    scale = float(b.rng.choice(powers)) if b.rng.random() < 0.3 else b.scale(1e-7, 2.5)
    _unary(b, code, scale, grid(1 / 32768))


def exp(b: Builder) -> None:
    scale = b.scale(1e-6, 2e-4)
    out = near(b, float(np.exp(32768 * scale)) / 32768, 0.3, 3)
    _unary(b, "EXP", scale, out, schema.ExpOptionsT())


def gelu(b: Builder) -> None:
    options = schema.GeluOptionsT()
    options.approximate = bool(b.rng.random() < 0.5)
    scale = b.scale(1e-6, 1e-3)
    _unary(b, "GELU", scale, near(b, scale, 0.3, 3), options)


def softmax(b: Builder) -> None:
    rows = int(b.rng.integers(1, 4))
    depth = int(b.rng.choice([1, 2, b.rng.integers(1, 40), b.rng.integers(40, 3000)]))
    options = schema.SoftmaxOptionsT()
    options.beta = float(b.rng.choice([1.0, 0.5, 2.0]))
    source = b.input((rows, depth), grid(b.scale(1e-6, 1e-1)))
    b.output("SOFTMAX", [source], source.shape, grid(1 / 32768), options)


def cast(b: Builder) -> None:
    """From int16, or to it; a real number that it cannot hold is undefined."""
    types = [INT8, INT32, TensorType.BOOL, FLOAT32]
    before, after = INT16, types[b.rng.integers(len(types))]
    shape = b.rng.integers(1, 9, b.rng.integers(1, 6)).tolist()
    if b.rng.random() < 0.5:
        before, after = after, before
    if before == FLOAT32:
        small = b.input(shape, grid(b.scale(1e-3, 0.99)))
        source = b.output("DEQUANTIZE", [small], shape, None, type_=FLOAT32)
    else:
        source = b.input(shape, type_=before)
        source.quantization = grid(1.0) if before in (INT8, INT16) else None
    options = schema.CastOptionsT()
    options.inDataType, options.outDataType = before.value, after.value
    out = grid(1.0) if after in (INT8, INT16) else None
    b.output("CAST", [source], shape, out, options, 1, after)


def compare(b: Builder) -> None:
    """Two operands on one grid: LiteRT compares the integers."""
    code = str(b.rng.choice(["LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"]))
    shapes = random_elementwise.broadcast_shapes(b, 2, 5)
    left = b.input(shapes[0])
    right = random_elementwise.operand(b, shapes[1], left.quantization)
    shape = np.broadcast_shapes(*shapes)
    b.output(code, [left, right], shape, None, version=1, type_=TensorType.BOOL)


def log(b: Builder) -> None:
    source = b.input((1, _COUNT), grid(b.scale(1e-6, 1e-2)))
    b.output("LOG", [source], source.shape, grid(b.scale(1e-5, 1e-2)), version=1)


def neg(b: Builder) -> None:
    source = b.input((1, _COUNT), grid(b.scale(1e-6, 1e-2)))
    b.output("NEG", [source], source.shape, source.quantization, version=1)


def deep_fully_connected(b: Builder) -> None:
    """Sums of more products than 32 bits hold."""
    rows, channels = (int(n) for n in b.rng.integers(1, [3, 10]))
    depth = int(b.rng.integers(250, 1100))
    source = b.input((rows, depth))
    weights = b.weights((channels, depth), 0, b.rng.random() < 0.5)
    operands = [source, weights, b.bias(source, weights)]
    options = schema.FullyConnectedOptionsT()
    b.output("FULLY_CONNECTED", operands, (rows, channels), b.sums(source, weights, depth), options)


def wide(make: Callable[[Builder], None], b: Builder) -> None:
    """A random operator with int16 for int8."""
    b.activations = INT16
    make(b)
    b.activations = INT8


_OWN = {
    "quantize": quantize,
    "quantize_float": quantize_float,
    "dequantize": dequantize,
    "abs": partial(rescaled, "ABS"),
    "relu": partial(rescaled, "RELU"),
    "leaky_relu": partial(rescaled, "LEAKY_RELU"),
    "relu6": relu6,
    "logistic": partial(sigmoidal, "LOGISTIC"),
    "tanh": partial(sigmoidal, "TANH"),
    "exp": exp,
    "gelu": gelu,
    "softmax": softmax,
    "deep_fully_connected": deep_fully_connected,
    "cast": cast,
    "compare": compare,
    "log": log,
    "neg": neg,
}

_OF_INT8 = {
    name: family.OPERATORS[name]
    for family, names in (
        (
            random_core,
            (
                "conv_2d", "depthwise_conv_2d", "fully_connected", "average_pool_2d",
                "max_pool_2d", "mean", "add", "sub", "mul",
            ),
        ),
        (
            random_elementwise,
            (
                "maximum", "minimum", "far_add", "far_sub", "scattered_mul", "scattered_mean",
                "sum", "reduce_max", "reduce_min", "reduce_prod", "squared_difference", "topk_v2",
            ),
        ),
        (
            random_heavy,
            (
                "conv_2d_in_groups", "depthwise_conv_2d_far", "transpose_conv",
                "resize_nearest_neighbor", "resize_bilinear", "batch_matmul",
                "fully_connected_of_any_rank", "pool_2d_of_any_shape",
            ),
        ),
        (random_recurrent, ("unidirectional_sequence_lstm", "lstm_continued")),
    )
    for name in names
}  # fmt: skip

OPERATORS = {f"int16_{name}": partial(wide, make) for name, make in (_OWN | _OF_INT8).items()}

STATEFUL = {"int16_lstm_continued"}

# TFLite Micro does not have these in int16.
LITERT = {
    f"int16_{name}"
    for name in (
        "compare", "exp", "gelu", "log", "neg", "reduce_max", "reduce_min", "reduce_prod",
        "resize_bilinear", "topk_v2",
    )
}  # fmt: skip
