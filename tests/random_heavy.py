"""Random instances of operators that multiply matrices or move windows over images.

Convolutions have a bias, because LiteRT refuses one without, and TFLite Micro crashes at a
depthwise one without.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import SAME, VALID, Builder, extent
from random_core import pool

from tfedge_converters.graph import Quantization


def _far_window(b: Builder, options):
    """Any padding, strides to 4 and dilations to 5, on inputs down to one pixel."""
    kernel, stride, dilation = (b.rng.integers(1, most + 1, 2).tolist() for most in (5, 4, 5))
    if b.rng.random() < 0.3:  # one-dimensional, as Keras exports Conv1D
        kernel[0] = stride[0] = dilation[0] = 1
    options.padding = padding = int(b.rng.choice([SAME, VALID]))
    options.strideH, options.strideW = stride
    options.dilationHFactor, options.dilationWFactor = dilation
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    least = reach if padding == VALID else [1, 1]
    size = [int(n + b.rng.integers(0, 7)) for n in least]
    out = [
        extent(n, k, s, d, padding)
        for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)
    ]
    return kernel, size, out


def conv_2d_in_groups(b: Builder) -> None:
    options = schema.Conv2DOptionsT()
    kernel, size, out = _far_window(b, options)
    groups, depth, channels, batch = (int(n) for n in b.rng.integers(1, [5, 5, 5, 3]))
    source = b.input((batch, *size, groups * depth))
    shape = (groups * channels, *kernel, depth)
    weights = b.weights(shape, 0, per_channel=b.rng.random() < 0.8)
    bias = b.bias(source, weights)
    options.fusedActivationFunction = b.activation()
    quantization = b.sums(source, weights, kernel[0] * kernel[1] * depth)
    out = (batch, *out, groups * channels)
    b.output("CONV_2D", [source, weights, bias], out, quantization, options, 6)


def depthwise_conv_2d_far(b: Builder) -> None:
    options = schema.DepthwiseConv2DOptionsT()
    kernel, size, out = _far_window(b, options)
    depth = int(b.rng.choice([1, 1, 1, 2, 3, 4, 8]))
    options.depthMultiplier = multiplier = int(b.rng.integers(1, 9))
    batch = int(b.rng.integers(1, 3))
    source = b.input((batch, *size, depth))
    weights = b.weights((1, *kernel, depth * multiplier), 3, per_channel=b.rng.random() < 0.8)
    bias = b.bias(source, weights)
    options.fusedActivationFunction = b.activation()
    quantization = b.sums(source, weights, kernel[0] * kernel[1])
    out = (batch, *out, depth * multiplier)
    b.output("DEPTHWISE_CONV_2D", [source, weights, bias], out, quantization, options, 6)


def transpose_conv(b: Builder) -> None:
    batch, depth, channels = (int(n) for n in b.rng.integers(1, [3, 7, 7]))
    transpose_conv_2d_of(b, None, channels, batch, depth)


def transpose_conv_2d_of(b: Builder, out, channels, batch=1, depth=1) -> None:
    """A TRANSPOSE_CONV with a random window, and a random output size unless one is given."""
    options = schema.TransposeConvOptionsT()
    kernel, stride = (b.rng.integers(1, most + 1, 2).tolist() for most in (6, 4))
    options.strideH, options.strideW = stride
    options.padding = padding = int(b.rng.choice([SAME, VALID]))
    # Every output size that a convolution would bring to one input size.
    least = kernel if padding == VALID else [1, 1]
    out = out or [int(n + b.rng.integers(0, 12)) for n in least]
    size = [extent(n, k, s, 1, padding) for n, k, s in zip(out, kernel, stride, strict=True)]
    source = b.input((batch, *size, depth))
    weights = b.weights((channels, *kernel, depth), 0, per_channel=b.rng.random() < 0.8)
    shape = (batch, *out, channels)
    operands = [b.constant(np.array(shape, np.int32)), weights, source]
    if b.rng.random() < 0.6:
        operands.append(b.bias(source, weights))
    options.fusedActivationFunction = b.activation()
    taps = depth * kernel[0] * kernel[1] / (stride[0] * stride[1])
    quantization = b.sums(source, weights, max(taps, 1))
    b.output("TRANSPOSE_CONV", operands, shape, quantization, options, 4)


def _resize(b: Builder, code: str, options) -> None:
    batch, channels = (int(n) for n in b.rng.integers(1, [3, 6]))
    size = b.rng.integers(1, 14, 2).tolist()
    if b.rng.random() < 0.4:
        out = [int(n * factor) for n, factor in zip(size, b.rng.integers(1, 5, 2), strict=True)]
    else:
        out = b.rng.integers(1, 30, 2).tolist()
    source = b.input((batch, *size, channels))
    operands = [source, b.constant(np.array(out, np.int32))]
    shape = (batch, *out, channels)
    b.output(code, operands, shape, source.quantization, options, 3)


def resize_nearest_neighbor(b: Builder) -> None:
    options = schema.ResizeNearestNeighborOptionsT()
    options.alignCorners = bool(b.rng.random() < 0.4)
    options.halfPixelCenters = bool(b.rng.random() < 0.4)
    _resize(b, "RESIZE_NEAREST_NEIGHBOR", options)


def resize_bilinear(b: Builder) -> None:
    options = schema.ResizeBilinearOptionsT()
    mode = int(b.rng.integers(3))
    options.alignCorners, options.halfPixelCenters = mode == 1, mode == 2
    _resize(b, "RESIZE_BILINEAR", options)


def batch_matmul(b: Builder) -> None:
    ranks = b.rng.integers(2, 6, 2)
    batches = b.rng.integers(1, 4, 3).tolist()
    a_batch, b_batch = (batches[3 - (rank - 2) :] for rank in ranks)
    for axis in range(3):
        # At most one of the operands is repeated along an axis.
        repeated = b.rng.choice([None, None, "a", "b"])
        for name, batch in (("a", a_batch), ("b", b_batch)):
            if repeated == name and axis >= 3 - len(batch):
                batch[axis - 3] = 1
    rows, depth, columns = (int(n) for n in b.rng.integers(1, [8, 30, 8]))
    options = schema.BatchMatMulOptionsT()
    options.adjX, options.adjY = (bool(b.rng.random() < 0.5) for _ in range(2))
    constant = b.rng.choice(["neither", "neither", "left", "right"])
    left, right = (
        b.activation_constant(shape, b.quantization()) if constant == side else b.input(shape)
        for side, shape in (
            ("left", (*a_batch, *((depth, rows) if options.adjX else (rows, depth)))),
            ("right", (*b_batch, *((columns, depth) if options.adjY else (depth, columns)))),
        )
    )
    out = (*np.broadcast_shapes(tuple(a_batch), tuple(b_batch)), rows, columns)
    real = float(left.quantization.scale[0] * right.quantization.scale[0])
    scale = real * 100 * depth * float(b.rng.uniform(0.1, 1.5))
    output = Quantization.per_tensor(scale, b.zero_point())
    b.output("BATCH_MATMUL", [left, right], out, output, options, 2)


def fully_connected_of_any_rank(b: Builder) -> None:
    shape = b.rng.integers(1, 6, int(b.rng.integers(1, 6))).tolist()
    channels = int(b.rng.integers(1, 12))
    options = schema.FullyConnectedOptionsT()
    options.keepNumDims = bool(b.rng.random() < 0.6)
    source = b.input(shape)
    # Without keep_num_dims, rows need not be the last axis.
    depth = shape[-1]
    if not options.keepNumDims and len(shape) > 1 and b.rng.random() < 0.5:
        depth *= shape[-2]
    out = [*shape[:-1], channels] if options.keepNumDims else [source.elements // depth, channels]
    weights = b.weights((channels, depth), 0, per_channel=b.rng.random() < 0.5)
    options.fusedActivationFunction = b.activation()
    bias = b.bias(source, weights) if b.rng.random() < 0.7 else None
    operands = [source, weights, bias]
    quantization = b.sums(source, weights, depth)
    b.output("FULLY_CONNECTED", operands, out, quantization, options, 5)


def fully_connected_at_run_time(b: Builder) -> None:
    """Weights that are an input, or constants with a zero point."""
    rows, depth, channels = (int(n) for n in b.rng.integers(1, [5, 40, 12]))
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = b.activation()
    source = b.input((rows, depth))
    weights = b.input((channels, depth))
    if b.rng.random() < 0.3:
        b.inputs.pop()
        weights = b.constant(b.int8((channels, depth)), weights.quantization)
    bias = b.bias(source, weights, channels) if b.rng.random() < 0.7 else None
    quantization = b.sums(source, weights, depth)
    operands = [source, weights, bias]
    b.output("FULLY_CONNECTED", operands, (rows, channels), quantization, options, 4)


def pool_2d_of_any_shape(b: Builder) -> None:
    """Windows larger than the input, strides larger than the window, rows of one pixel."""
    pool(b, str(b.rng.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"])), largest=9)


OPERATORS = {
    function.__name__: function
    for function in (
        conv_2d_in_groups, depthwise_conv_2d_far, transpose_conv, resize_nearest_neighbor,
        resize_bilinear, batch_matmul, fully_connected_of_any_rank,
        fully_connected_at_run_time, pool_2d_of_any_shape,
    )
}  # fmt: skip
