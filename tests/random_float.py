"""Random operators on real numbers: those on int8, with real numbers in place of integers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import random_core
import random_elementwise
import random_heavy
import random_recurrent
import random_unary
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder

from tfedge_converters.graph import Operator, Tensor, TensorType

FLOAT32 = TensorType.FLOAT32

# Operators that the families on int8 make, by the family and its names.
_MADE = {
    random_core: "conv_2d depthwise_conv_2d fully_connected average_pool_2d max_pool_2d mean add "
    "sub mul relu relu6 logistic tanh softmax",
    random_heavy: "conv_2d_in_groups depthwise_conv_2d_far transpose_conv resize_nearest_neighbor "
    "resize_bilinear batch_matmul fully_connected_of_any_rank pool_2d_of_any_shape",
    random_elementwise: "maximum minimum squared_difference div scattered_mean sum reduce_max "
    "reduce_min reduce_prod scattered_mul arg_max arg_min cumsum add_n topk_v2",
    random_recurrent: "unidirectional_sequence_lstm lstm_continued svdf",
    random_unary: "leaky_relu relu_n1_to_1 relu_0_to_1 abs_ neg hard_swish elu exp log sqrt rsqrt "
    "prelu log_softmax l2_normalization",
}

# Functions of one value that int8 has by way of float32 alone.
_UNARY = ("CEIL", "COS", "FLOOR", "ROUND", "SIN", "SQUARE")

# Versions of kernels that multiply int8 weights with activations that they round themselves.
_DYNAMIC = {"CONV_2D": 5, "DEPTHWISE_CONV_2D": 6, "FULLY_CONNECTED": 12}

# LiteRT's reference has no int4 weights for others.
_DYNAMIC_INT4 = ("conv_2d", "fully_connected")

# Weights that can be of half precision.
_HALVED = ("conv_2d", "depthwise_conv_2d", "fully_connected", "svdf", "transpose_conv")


def _real(make: Callable[[Builder], None], b: Builder) -> None:
    """What makes an operator on int8, and then its operands, results and weights as real numbers.

    Weights that come out of it are as many different numbers as integers could be.
    """
    begin = len(b.operators)
    make(b)
    for operator in b.operators[begin:]:
        operator.version = 1
        for tensor in (*operator.inputs, *operator.outputs):
            if tensor is not None and tensor.quantization is not None:
                _make_real(b, tensor)


def _make_real(b: Builder, tensor: Tensor) -> None:
    tensor.type, tensor.quantization = FLOAT32, None
    if tensor.data is not None:
        tensor.data = b.rng.normal(size=tensor.shape).astype(np.float32)


def _unary(code: str, b: Builder) -> None:
    source = b.input((1, 256), type_=FLOAT32)
    source.quantization = None
    b.output(code, [source], source.shape, None, version=1, type_=FLOAT32)


def _halved(make: Callable[[Builder], None], b: Builder) -> None:
    """The same with weights and biases of half precision, which DEQUANTIZE makes real."""
    begin = len(b.operators)
    _real(make, b)
    for operator in b.operators[begin:]:
        for index, tensor in enumerate(operator.inputs):
            if tensor is not None and tensor.data is not None and tensor.type == FLOAT32:
                operator.inputs[index] = _stored_half(b, tensor)


def _stored_half(b: Builder, tensor: Tensor) -> Tensor:
    """A real constant by way of one of half precision, subnormal numbers among them."""
    data = tensor.data * b.rng.choice([1, 1e-5], tensor.shape)
    half = Tensor(f"{tensor.name}_half", tensor.shape, TensorType.FLOAT16, None, data.astype("<f2"))
    real = Tensor(f"{tensor.name}_real_{len(b.operators)}", tensor.shape, FLOAT32)
    b.operators.insert(0, Operator("DEQUANTIZE", [half], [real], None, 3))
    return real


def _dynamic(make: Callable[[Builder], None], b: Builder) -> None:
    """Real activations, and the int8 weights as they are, some with one scale for all channels."""
    begin = len(b.operators)
    make(b)
    for operator in b.operators[begin:]:
        weights = operator.inputs[1]
        operator.version = _DYNAMIC[operator.code]
        if b.rng.random() < 0.3:
            weights.quantization.scale[:] = weights.quantization.scale[0]
        if hasattr(operator.options, "asymmetricQuantizeInputs"):
            operator.options.asymmetricQuantizeInputs = bool(b.rng.random() < 0.5)
        for tensor in (*operator.inputs, *operator.outputs):
            if tensor is not None and tensor is not weights:
                _make_real(b, tensor)


def _dynamic_int4(make: Callable[[Builder], None], b: Builder) -> None:
    """The same with weights of four bits."""
    begin = len(b.operators)
    _dynamic(make, b)
    for operator in b.operators[begin:]:
        weights = operator.inputs[1]
        weights.type, weights.data = TensorType.INT4, weights.data.clip(-7, 7)


def _dynamic_batch_matmul(b: Builder) -> None:
    """Rows of real numbers times one constant matrix of int8."""
    shape = b.rng.integers(1, 6, b.rng.integers(2, 5)).tolist()
    # LiteRT mixes up the scales of rows with several batches.
    longest = int(b.rng.integers(max(len(shape) - 2, 1)))
    shape[:-2] = [n if axis == longest else 1 for axis, n in enumerate(shape[:-2])]
    depth, columns = (int(n) for n in b.rng.integers(1, 20, 2))
    source = b.input((*shape[:-1], depth), type_=FLOAT32)
    source.quantization = None
    options = schema.BatchMatMulOptionsT()
    options.adjY = bool(b.rng.random() < 0.5)
    options.asymmetricQuantizeInputs = bool(b.rng.random() < 0.5)
    lead = [1] * int(b.rng.integers(0, len(shape) - 1))
    matrix = (columns, depth) if options.adjY else (depth, columns)
    weights = b.weights((*lead, *matrix), 0, per_channel=False)
    b.output("BATCH_MATMUL", [source, weights], (*shape[:-1], columns), None, options, 4, FLOAT32)


OPERATORS = {
    **{
        f"float_{name}": partial(_real, family.OPERATORS[name])
        for family, names in _MADE.items()
        for name in names.split()
    },
    **{f"float_{code.lower()}": partial(_unary, code) for code in _UNARY},
    **{
        f"half_{name}": partial(_halved, family.OPERATORS[name])
        for family, names in _MADE.items()
        for name in names.split()
        if name in _HALVED
    },
    **{
        f"dynamic_{code.lower()}": partial(_dynamic, random_core.OPERATORS[code.lower()])
        for code in _DYNAMIC
    },
    **{
        f"dynamic_int4_{name}": partial(_dynamic_int4, random_core.OPERATORS[name])
        for name in _DYNAMIC_INT4
    },
    "dynamic_batch_matmul": _dynamic_batch_matmul,
}

# TFLite Micro does not have these, and no products of real numbers and integers.
LITERT = {
    *(f"float_{name}" for name in ("relu_n1_to_1", "relu_0_to_1", "reduce_prod", "topk_v2")),
    *(f"dynamic_{code.lower()}" for code in _DYNAMIC),
    *(f"dynamic_int4_{name}" for name in _DYNAMIC_INT4),
    "dynamic_batch_matmul",
}

STATEFUL = {"float_lstm_continued", "float_svdf", "half_svdf"}
