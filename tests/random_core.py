"""Random instances of the operators that most networks are made of."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder, window

from tfedge_converters.graph import Quantization, TensorType


def conv_2d(b: Builder, type_=TensorType.INT8) -> None:
    kernel, stride, dilation, padding, size, out = window(b)
    batch, depth, channels = (int(n) for n in b.rng.integers(1, [3, 9, 10]))
    source = b.input((batch, *size, depth))
    weights = b.weights((channels, *kernel, depth), 0, b.rng.random() < 0.8, type_)
    options = schema.Conv2DOptionsT()
    options.strideH, options.strideW = stride
    options.dilationHFactor, options.dilationWFactor = dilation
    options.padding, options.fusedActivationFunction = padding, b.activation()
    bias = b.bias(source, weights)
    quantization = b.sums(source, weights, kernel[0] * kernel[1] * depth)
    version = {TensorType.INT8: 3, TensorType.INT4: 7}[type_]
    shape = (batch, *out, channels)
    b.output("CONV_2D", [source, weights, bias], shape, quantization, options, version)


def depthwise_conv_2d(b: Builder, type_=TensorType.INT8) -> None:
    kernel, stride, dilation, padding, size, out = window(b)
    batch, depth = (int(n) for n in b.rng.integers(1, [3, 10]))
    multiplier = int(b.rng.choice([1, 1, 2, 3]))
    source = b.input((batch, *size, depth))
    weights = b.weights((1, *kernel, depth * multiplier), 3, True, type_)
    options = schema.DepthwiseConv2DOptionsT()
    options.strideH, options.strideW = stride
    options.dilationHFactor, options.dilationWFactor = dilation
    options.padding, options.fusedActivationFunction = padding, b.activation()
    options.depthMultiplier = multiplier
    bias = b.bias(source, weights)
    quantization = b.sums(source, weights, kernel[0] * kernel[1])
    shape = (batch, *out, depth * multiplier)
    version = {TensorType.INT8: 3, TensorType.INT4: 7}[type_]
    b.output("DEPTHWISE_CONV_2D", [source, weights, bias], shape, quantization, options, version)


def fully_connected(b: Builder, type_=TensorType.INT8) -> None:
    rows, depth, channels = (int(n) for n in b.rng.integers(1, [5, 70, 14]))
    source = b.input((rows, depth))
    # TFLite Micro refuses dense layers with int4 weights and a scale for every channel.
    per_channel = type_ == TensorType.INT8 and b.rng.random() < 0.5
    weights = b.weights((channels, depth), 0, per_channel, type_)
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = b.activation()
    bias = b.bias(source, weights) if b.rng.random() < 0.8 else None
    quantization = b.sums(source, weights, depth)
    inputs = [source, weights, bias]
    version = {TensorType.INT8: 4, TensorType.INT4: 10}[type_]
    b.output("FULLY_CONNECTED", inputs, (rows, channels), quantization, options, version)


def conv_2d_int4(b: Builder) -> None:
    conv_2d(b, TensorType.INT4)


def depthwise_conv_2d_int4(b: Builder) -> None:
    depthwise_conv_2d(b, TensorType.INT4)


def fully_connected_int4(b: Builder) -> None:
    fully_connected(b, TensorType.INT4)


def pool(b: Builder, code: str, largest=4) -> None:
    kernel, stride, _, padding, size, out = window(b, dilate=False, largest=largest)
    batch, channels = (int(n) for n in b.rng.integers(1, [3, 9]))
    source = b.input((batch, *size, channels))
    options = schema.Pool2DOptionsT()
    options.strideH, options.strideW = stride
    options.filterHeight, options.filterWidth = kernel
    options.padding, options.fusedActivationFunction = padding, b.activation()
    b.output(code, [source], (batch, *out, channels), source.quantization, options)


def average_pool_2d(b: Builder) -> None:
    pool(b, "AVERAGE_POOL_2D")


def max_pool_2d(b: Builder) -> None:
    pool(b, "MAX_POOL_2D")


def mean(b: Builder) -> None:
    rank = int(b.rng.integers(2, 5))
    shape = tuple(int(n) for n in b.rng.integers(1, 9, rank))
    count = int(b.rng.integers(1, rank))
    axes = sorted(b.rng.choice(rank, count, replace=False).tolist())
    source = b.input(shape)
    options = schema.ReducerOptionsT()
    options.keepDims = bool(b.rng.random() < 0.5)
    kept = tuple(
        1 if axis in axes else n
        for axis, n in enumerate(shape)
        if options.keepDims or axis not in axes
    )
    if b.rng.random() < 0.3:
        quantization = source.quantization
    else:
        factor = float(b.rng.uniform(0.3, 1.5))
        scale = float(source.quantization.scale[0]) * factor
        quantization = Quantization.per_tensor(scale, b.zero_point())
    axis = b.constant(np.array(axes, np.int32))
    b.output("MEAN", [source, axis], kept, quantization, options)


def _binary(b: Builder, code: str, options) -> None:
    rank = int(b.rng.integers(1, 5))
    shape = b.rng.integers(1, 6, rank).tolist()
    a_shape, b_shape = list(shape), list(shape)
    if b.rng.random() < 0.5:
        for axis in range(rank):
            side = b.rng.choice([0, 1, 2])
            if side:
                (a_shape if side == 1 else b_shape)[axis] = 1
    out = np.broadcast_shapes(tuple(a_shape), tuple(b_shape))
    options.fusedActivationFunction = b.activation()
    left = b.input(a_shape)
    # The reference loses its precision where the operands' scales lie far apart.
    scale = float(left.quantization.scale[0]) * float(b.rng.uniform(0.2, 5))
    right_quantization = Quantization.per_tensor(scale, b.zero_point())
    if b.rng.random() < 0.3:
        right = b.activation_constant(b_shape, right_quantization)
    else:
        right = b.input(b_shape, right_quantization)
    if code == "MUL":
        scale *= float(left.quantization.scale[0]) * np.iinfo(b.activations.dtype).max
    quantization = Quantization.per_tensor(scale * float(b.rng.uniform(0.3, 3)), b.zero_point())
    b.output(code, [left, right], out, quantization, options)


def add(b: Builder) -> None:
    _binary(b, "ADD", schema.AddOptionsT())


def sub(b: Builder) -> None:
    _binary(b, "SUB", schema.SubOptionsT())


def mul(b: Builder) -> None:
    _binary(b, "MUL", schema.MulOptionsT())


def reshape(b: Builder) -> None:
    source = b.input((2, int(b.rng.integers(1, 9)), 3))
    out = (source.elements // 2, 2)
    options = schema.ReshapeOptionsT()
    options.newShape = list(out)
    shape = b.constant(np.array(out, np.int32))
    b.output("RESHAPE", [source, shape], out, source.quantization, options, 1)


def _unary(b: Builder, code: str, quantization, options=None, scale=None) -> None:
    source = b.input((1, 256))
    if scale is not None:
        source.quantization = Quantization.per_tensor(scale, b.zero_point())
    b.output(code, [source], source.shape, quantization or source.quantization, options)


def relu(b: Builder) -> None:
    _unary(b, "RELU", b.quantization())


def relu6(b: Builder) -> None:
    _unary(b, "RELU6", None)


def logistic(b: Builder) -> None:
    _unary(b, "LOGISTIC", Quantization.per_tensor(1 / 256, -128), scale=b.scale(1e-3, 1.0))


def tanh(b: Builder) -> None:
    _unary(b, "TANH", Quantization.per_tensor(1 / 128, 0), scale=b.scale(1e-3, 1.0))


def softmax(b: Builder) -> None:
    rows, depth = (int(n) for n in b.rng.integers(1, [4, 40]))
    scale = b.scale(1e-3, 100.0)
    source = b.input((rows, depth), Quantization.per_tensor(scale, b.zero_point()))
    options = schema.SoftmaxOptionsT()
    options.beta = float(b.rng.choice([1.0, 0.5, 2.0]))
    quantization = Quantization.per_tensor(1 / 256, -128)
    b.output("SOFTMAX", [source], source.shape, quantization, options)


def softmax_int16_results(b: Builder) -> None:
    """int8 with results in int16, about whose scale interpreters are not strict."""
    softmax(b)
    output = b.outputs[-1]
    output.type = TensorType.INT16
    output.quantization = Quantization.per_tensor(
        float(b.rng.choice([1 / 65536, 1 / 65535])), -32768
    )


def quantize_int8(b: Builder) -> None:
    _unary(b, "QUANTIZE", b.quantization())


def quantize_float(b: Builder) -> None:
    source = b.input((1, 200), type_=TensorType.FLOAT32)
    source.quantization = None
    b.output("QUANTIZE", [source], source.shape, b.quantization(), version=1)


def dequantize(b: Builder) -> None:
    source = b.input((1, 256))
    b.output("DEQUANTIZE", [source], source.shape, None, type_=TensorType.FLOAT32)


OPERATORS = {
    function.__name__: function
    for function in (
        conv_2d, conv_2d_int4, depthwise_conv_2d, depthwise_conv_2d_int4, fully_connected,
        fully_connected_int4, average_pool_2d, max_pool_2d, mean, add, sub,
        mul, reshape, relu, relu6, logistic, tanh, softmax, softmax_int16_results, quantize_int8,
        quantize_float, dequantize,
    )
}  # fmt: skip
