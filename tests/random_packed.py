"""Random instances of operators that kernels with packed weights compute.

Shapes leave every remainder, biases bring sums to the limits that packed kernels set, and inputs
that nothing else reads may be overwritten.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import SAME, VALID, Builder, extent

from tfedge_converters.graph import Quantization, Tensor, TensorType

# Sums stay below this where a packed kernel takes a channel.
_NARROW = 1 << 30


def packed_conv_2d(b: Builder) -> None:
    """Any kernel without dilation, on images from one column on."""
    kernel, stride = b.rng.integers(1, 5, 2).tolist(), b.rng.integers(1, 4, 2).tolist()
    depth = int(b.rng.choice([1, 2, 3, 4, 8, 16]))
    size, out, padding = _image(b, kernel, stride)
    batch, channels = int(b.rng.choice([1, 1, 1, 2])), 2 * int(b.rng.integers(1, 6))
    source = b.input((batch, *size, depth))
    options = schema.Conv2DOptionsT()
    options.strideH, options.strideW = stride
    options.padding = padding
    shape = (channels, *kernel, depth)
    weighted(b, "CONV_2D", source, shape, 0, (batch, *out, channels), options, 3)


def packed_pixels(b: Builder) -> None:
    """1x1 convolutions, to fewer and to more channels."""
    height, width = (int(n) for n in b.rng.integers(1, 6, 2))
    depth, channels = 4 * int(b.rng.integers(1, 12)), 2 * int(b.rng.integers(1, 20))
    source = b.input((1, height, width, depth))
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = 1
    options.padding = VALID
    shape = (channels, 1, 1, depth)
    weighted(b, "CONV_2D", source, shape, 0, (1, height, width, channels), options, 3)


def packed_depthwise(b: Builder) -> None:
    """3x3 kernels with a stride of 1 or 2, on images from one pixel on."""
    stride = int(b.rng.integers(1, 3))
    channels = 4 * int(b.rng.integers(1, 5))
    size, out, padding = _image(b, [3, 3], [stride, stride])
    batch = int(b.rng.choice([1, 1, 1, 2]))
    source = b.input((batch, *size, channels))
    options = schema.DepthwiseConv2DOptionsT()
    options.strideH = options.strideW = stride
    options.padding, options.depthMultiplier = padding, 1
    shape = (1, 3, 3, channels)
    weighted(b, "DEPTHWISE_CONV_2D", source, shape, 3, (batch, *out, channels), options, 3)


def packed_dense(b: Builder) -> None:
    """One row or two, with any number of channels."""
    rows, channels = int(b.rng.integers(1, 3)), int(b.rng.integers(1, 20))
    depth = 4 * int(b.rng.integers(1, 40))
    source = b.input((rows, depth))
    options = schema.FullyConnectedOptionsT()
    weighted(b, "FULLY_CONNECTED", source, (channels, depth), 0, (rows, channels), options, 4)


def packed_skipping_dense(b: Builder) -> None:
    """A layer behind another, which may have a ReLU; eights of channels, or about."""
    rows, depth = int(b.rng.integers(1, 3)), 4 * int(b.rng.integers(1, 20))
    channels = int(b.rng.choice([8, 16, 24, 39, 40]))
    source = b.input((rows, 4))
    first = b.weights((depth, 4), 0, per_channel=True)
    grid = b.sums(source, first, 4)
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.NONE
    if b.rng.random() < 0.7:
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU
        grid = Quantization.per_tensor(float(grid.scale[0]), -128)
    operands = [source, first, b.bias(source, first, depth)]
    kept = b.output("FULLY_CONNECTED", operands, (rows, depth), grid, options, 4)
    options = schema.FullyConnectedOptionsT()
    weighted(b, "FULLY_CONNECTED", kept, (channels, depth), 0, (rows, channels), options, 4)


def packed_add(b: Builder) -> None:
    """Tensors of one shape, mostly in scales that sums can be linear functions of."""
    shape = (1, int(b.rng.integers(1, 30)))
    left, right = b.input(shape), b.input(shape)
    scale = float(left.quantization.scale[0])
    right.quantization = Quantization.per_tensor(scale * b.rng.uniform(0.5, 2), b.zero_point())
    options = schema.AddOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.NONE
    grid = Quantization.per_tensor(scale * b.rng.uniform(0.8, 3), b.zero_point())
    b.output("ADD", [left, right], shape, grid, options)


def packed_average_pool(b: Builder) -> None:
    """Windows that stand over the edges of images, too."""
    kernel, stride = b.rng.integers(1, 9, 2).tolist(), b.rng.integers(1, 4, 2).tolist()
    size, out, padding = _image(b, kernel, stride)
    channels = 4 * int(b.rng.integers(1, 4))
    source = b.input((1, *size, channels))
    options = schema.Pool2DOptionsT()
    options.strideH, options.strideW = stride
    options.filterHeight, options.filterWidth = kernel
    options.padding = padding
    options.fusedActivationFunction = schema.ActivationFunctionType.NONE
    b.output("AVERAGE_POOL_2D", [source], (1, *out, channels), source.quantization, options)


def packed_network(b: Builder) -> None:
    """A few layers in a row, with sums over some of them: values live while others are overwritten.

    Few of the results are outputs.
    """
    values = [b.input((1, *b.rng.integers(1, 9, 2).tolist(), 4 * int(b.rng.integers(1, 4))))]
    results = len(b.outputs)
    for _ in range(int(b.rng.integers(2, 7))):
        values.append(_layer(b, values))
    made = b.outputs[results:]
    b.outputs[results:] = [t for t in made if t is made[-1] or b.rng.random() < 0.15]


def _layer(b: Builder, values: list[Tensor]) -> Tensor:
    """A layer on the last of the values, or the sum of that and one that has its shape."""
    source = values[-1]
    others = [value for value in values[:-1] if value.shape == source.shape]
    if others and b.rng.random() < 0.5:
        options = schema.AddOptionsT()
        options.fusedActivationFunction = schema.ActivationFunctionType.NONE
        operands = [source, others[int(b.rng.integers(len(others)))]]
        scale = max(float(operand.quantization.scale[0]) for operand in operands)
        grid = Quantization.per_tensor(2 * scale, b.zero_point())
        return b.output("ADD", operands, source.shape, grid, options)
    _, *size, depth = source.shape
    kind = b.rng.choice(["convolution", "pixels", "depthwise"])
    channels = depth if b.rng.random() < 0.5 else 4 * int(b.rng.integers(1, 6))
    stride = 1 if kind == "pixels" or b.rng.random() < 0.7 else 2
    out = (1, *(-(-n // stride) for n in size), channels if kind != "depthwise" else depth)
    if kind == "depthwise":
        options = schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = 1
        shape, axis, code = (1, 3, 3, depth), 3, "DEPTHWISE_CONV_2D"
    else:
        options = schema.Conv2DOptionsT()
        kernel = 1 if kind == "pixels" else 3
        shape, axis, code = (channels, kernel, kernel, depth), 0, "CONV_2D"
    options.strideH = options.strideW = stride
    options.padding = SAME
    return weighted(b, code, source, shape, axis, out, options, 3)


OPERATORS = {
    "packed_conv_2d": packed_conv_2d,
    "packed_pixels": packed_pixels,
    "packed_depthwise": packed_depthwise,
    "packed_dense": packed_dense,
    "packed_skipping_dense": packed_skipping_dense,
    "packed_add": packed_add,
    "packed_average_pool": packed_average_pool,
    "packed_network": packed_network,
}


def _image(b: Builder, kernel: list[int], stride: list[int]) -> tuple[list[int], list[int], int]:
    """The size of an image, that of its windows' results, and the padding."""
    padding = int(b.rng.choice([SAME, VALID]))
    least = kernel if padding == VALID else [1, 1]
    size = [int(n + b.rng.integers(0, 12)) for n in least]
    out = [extent(n, k, s, 1, padding) for n, k, s in zip(size, kernel, stride, strict=True)]
    return size, out, padding


def weighted(b: Builder, code, source, weights_shape, axis, shape, options, version) -> Tensor:
    sums = b.rng.choice([_usual_sums, _largest_sums, _sums_of_fixed_channels], p=[0.6, 0.2, 0.2])
    weights, bias, quantization = sums(b, source, weights_shape, axis)
    none, relu = schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU
    options.fusedActivationFunction = none
    if b.rng.random() < 0.5:
        options.fusedActivationFunction = relu
        if b.rng.random() < 0.9:  # all of int8 is allowed
            quantization = Quantization.per_tensor(float(quantization.scale[0]), -128)
    return b.output(code, [source, weights, bias], shape, quantization, options, version)


def _usual_sums(b: Builder, source, shape, axis) -> tuple[Tensor, Tensor, Quantization]:
    weights = b.weights(shape, axis, per_channel=bool(b.rng.random() < 0.8))
    return weights, b.bias(source, weights, shape[axis]), b.sums(source, weights, _taps(weights))


def _largest_sums(b: Builder, source, shape, axis) -> tuple[Tensor, Tensor, Quantization]:
    """Sums that reach to the last below 2^30, from both sides."""
    weights = b.weights(shape, axis, per_channel=False)
    room = _NARROW - 1 - _reach(weights)
    folded = room * b.rng.choice([-1, 1], shape[axis])
    real = float(source.quantization.scale[0] * weights.quantization.scale[0])
    grid = Quantization.per_tensor(real * _NARROW / 100, b.zero_point())
    return weights, _unfolded(b, source, weights, folded), grid


def _sums_of_fixed_channels(b: Builder, source, shape, axis) -> tuple[Tensor, Tensor, Quantization]:
    """Half of the channels cannot change, for their biases are beyond all that inputs can do."""
    weights = b.weights(shape, axis, per_channel=True)
    reach = _reach(weights)
    largest = 2 * _NARROW - 1 - 2 * reach
    far = b.rng.integers(_NARROW // 2, largest) * b.rng.choice([-1, 1], shape[axis])
    near = b.rng.integers(-reach, reach + 1)
    folded = np.where(b.rng.random(shape[axis]) < 0.5, far, near)
    grid = b.sums(source, weights, _taps(weights))
    return weights, _unfolded(b, source, weights, folded), grid


def _rows(weights: Tensor) -> np.ndarray:
    """Weights by output channel, (channels, products)."""
    axis = weights.quantization.axis
    return np.moveaxis(weights.data, axis, 0).reshape(weights.shape[axis], -1).astype(np.int64)


def _taps(weights: Tensor) -> int:
    return _rows(weights).shape[1]


def _reach(weights: Tensor) -> np.ndarray:
    return 128 * np.abs(_rows(weights)).sum(axis=1)


def _unfolded(b: Builder, source: Tensor, weights: Tensor, folded: np.ndarray) -> Tensor:
    """The bias that has these values once the input's zero point is folded into it."""
    zero_point = int(source.quantization.zero_point[0])
    values = folded + zero_point * _rows(weights).sum(axis=1)
    scale = source.quantization.scale[0] * weights.quantization.scale
    grid = Quantization(scale, np.zeros(scale.size, np.int64), 0)
    return b.constant(values, grid, TensorType.INT32)
