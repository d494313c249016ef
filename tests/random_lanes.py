"""Random instances of operators that kernels for vectors compute, of lanes or of channels.

Shapes leave every remainder: channels by 3, by 4, by 16 and by 32, depths by 4 and by 16, odd
images and those of one pixel. Biases reach beyond where sums wrap, activations end within int8, and
values that nothing else reads may be overwritten.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import SAME, VALID, Builder, extent
from random_graphs import random_sample

from tfedge_converters.graph import Model, Quantization, Tensor, TensorType

_NONE = schema.ActivationFunctionType.NONE
_RELU = schema.ActivationFunctionType.RELU


def convolution(b: Builder) -> None:
    """Any kernel without dilation."""
    kernel, stride = b.rng.integers(1, 6, 2).tolist(), b.rng.choice([1, 1, 2, 3, 30], 2).tolist()
    size, out, padding = _image(b, kernel, stride)
    batch, depth, channels = int(b.rng.choice([1, 1, 2])), _channels(b), _channels(b)
    source = b.input((batch, *size, depth))
    options = schema.Conv2DOptionsT()
    options.strideH, options.strideW = stride
    options.padding = padding
    shape = (channels, *kernel, depth)
    weighted(b, "CONV_2D", source, shape, 0, (batch, *out, channels), options, 3)


def pointwise(b: Builder) -> None:
    """1x1 kernels with strides, to fewer and to more channels; often on pixels of one vector."""
    stride = b.rng.choice([1, 1, 1, 2, 3, 30], 2).tolist()
    size = b.rng.integers(1, 8, 2).tolist()
    out = [-(-n // step) for n, step in zip(size, stride, strict=True)]
    batch, depth, channels = int(b.rng.choice([1, 1, 2])), _channels(b), _channels(b)
    if b.rng.random() < 0.5:
        depth, channels = int(b.rng.integers(1, 17)), 4 * int(b.rng.integers(1, 8))
    source = b.input((batch, *size, depth))
    options = schema.Conv2DOptionsT()
    options.strideH, options.strideW = stride
    options.padding = int(b.rng.choice([SAME, VALID]))
    shape = (channels, 1, 1, depth)
    weighted(b, "CONV_2D", source, shape, 0, (batch, *out, channels), options, 3)


def depthwise(b: Builder) -> None:
    """Any kernel, now and then dilated; every second one as the kernel for 3x3 taps has it."""
    kernel, stride, dilation = [3, 3], [1, 1], [1, 1]
    if b.rng.random() < 0.5:
        kernel, stride = b.rng.integers(1, 6, 2).tolist(), b.rng.integers(1, 4, 2).tolist()
        if b.rng.random() < 0.3:
            stride, dilation = [1, 1], b.rng.integers(1, 4, 2).tolist()
    reach = [(n - 1) * step + 1 for n, step in zip(kernel, dilation, strict=True)]
    size, out, padding = _image(b, reach, stride)
    batch, channels = int(b.rng.choice([1, 1, 2])), _channels(b)
    source = b.input((batch, *size, channels))
    options = schema.DepthwiseConv2DOptionsT()
    options.strideH, options.strideW = stride
    options.dilationHFactor, options.dilationWFactor = dilation
    options.padding, options.depthMultiplier = padding, 1
    shape = (1, *kernel, channels)
    weighted(b, "DEPTHWISE_CONV_2D", source, shape, 3, (batch, *out, channels), options, 3)


def dense(b: Builder) -> None:
    """One row or a few."""
    rows, depth, channels = (
        int(b.rng.choice([1, 1, 2, 5])),
        int(b.rng.integers(1, 90)),
        _channels(b),
    )
    source = b.input((rows, depth))
    options = schema.FullyConnectedOptionsT()
    weighted(b, "FULLY_CONNECTED", source, (channels, depth), 0, (rows, channels), options, 4)


def add(b: Builder) -> None:
    """Tensors of one shape, mostly in scales that sums can be linear functions of."""
    shape = (1, int(b.rng.integers(1, 50)))
    left, right = b.input(shape), b.input(shape)
    scale = float(left.quantization.scale[0])
    right.quantization = Quantization.per_tensor(scale * b.rng.uniform(0.5, 2), b.zero_point())
    options = schema.AddOptionsT()
    options.fusedActivationFunction = b.activation()
    grid = Quantization.per_tensor(scale * b.rng.uniform(0.8, 3), b.zero_point())
    b.output("ADD", [left, right], shape, grid, options)


def average_pool(b: Builder) -> None:
    """Windows that stand over the edges of images, too."""
    kernel, stride = b.rng.integers(1, 9, 2).tolist(), b.rng.integers(1, 4, 2).tolist()
    size, out, padding = _image(b, kernel, stride)
    channels = _channels(b)
    source = b.input((1, *size, channels))
    options = schema.Pool2DOptionsT()
    options.strideH, options.strideW = stride
    options.filterHeight, options.filterWidth = kernel
    options.padding, options.fusedActivationFunction = padding, b.activation()
    b.output("AVERAGE_POOL_2D", [source], (1, *out, channels), source.quantization, options)


def network(b: Builder) -> None:
    """Layers in a row with sums over some of them, of which most are no outputs."""
    values = [b.input((1, *b.rng.integers(1, 9, 2).tolist(), _channels(b)))]
    before = len(b.outputs)
    for _ in range(int(b.rng.integers(2, 7))):
        values.append(_layer(b, values))
    made = b.outputs[before:]
    b.outputs[before:] = [t for t in made if t is made[-1] or b.rng.random() < 0.15]


OPERATORS = (convolution, pointwise, depthwise, dense, add, average_pool, network)


def random_layers(
    instances: int, seed: int, samples: int = 16
) -> tuple[Model, list[list[np.ndarray]]]:
    """A model of so many of each operator, and random samples."""
    builder = Builder(np.random.default_rng(seed))
    for make in OPERATORS:
        for _ in range(instances):
            make(builder)
    model = builder.model()
    rng = np.random.default_rng(seed + 1)
    return model, [random_sample(model, rng) for _ in range(samples)]


def _layer(b: Builder, values: list[Tensor]) -> Tensor:
    source = values[-1]
    others = [value for value in values[:-1] if value.shape == source.shape]
    if others and b.rng.random() < 0.5:
        options = schema.AddOptionsT()
        options.fusedActivationFunction = _NONE
        operands = [source, others[int(b.rng.integers(len(others)))]]
        scale = max(float(operand.quantization.scale[0]) for operand in operands)
        grid = Quantization.per_tensor(2 * scale, b.zero_point())
        return b.output("ADD", operands, source.shape, grid, options)
    _, *size, depth = source.shape
    is_depthwise, kernel = b.rng.random() < 0.4, int(b.rng.choice([1, 3, 3]))
    stride = 1 if b.rng.random() < 0.7 else 2
    channels = depth if is_depthwise or b.rng.random() < 0.5 else _channels(b)
    out = (1, *(-(-n // stride) for n in size), channels)
    if is_depthwise:
        options = schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = 1
        shape, axis, code = (1, kernel, kernel, depth), 3, "DEPTHWISE_CONV_2D"
    else:
        options = schema.Conv2DOptionsT()
        shape, axis, code = (channels, kernel, kernel, depth), 0, "CONV_2D"
    options.strideH = options.strideW = stride
    options.padding = SAME
    return weighted(b, code, source, shape, axis, out, options, 3)


def _channels(b: Builder) -> int:
    return int(b.rng.choice([1, 2, 4, 8, 16, 32, *b.rng.integers(1, 40, 6)]))


def _image(b: Builder, reach: list[int], stride: list[int]) -> tuple[list[int], list[int], int]:
    """The size of an image, that of its windows' results, and the padding."""
    padding = int(b.rng.choice([SAME, VALID]))
    least = reach if padding == VALID else [1, 1]
    size = [int(n + b.rng.integers(0, 9)) for n in least]
    out = [extent(n, k, s, 1, padding) for n, k, s in zip(size, reach, stride, strict=True)]
    return size, out, padding


def weighted(b: Builder, code, source, shape, axis, out, options, version) -> Tensor:
    weights = b.weights(shape, axis, per_channel=bool(b.rng.random() < 0.8))
    taps = int(np.prod(shape)) // shape[axis]
    grid, largest = b.sums(source, weights, taps), int(b.rng.choice([20_000, 20_000, 1 << 30]))
    if b.rng.random() < 0.4:
        grid, largest = _grid_of_halves(b, source, weights, taps), 100
    options.fusedActivationFunction = int(b.rng.choice([_NONE, _RELU, b.activation()]))
    if b.rng.random() < 0.4:
        grid = Quantization.per_tensor(float(grid.scale[0]), -128)
    scale = source.quantization.scale[0] * weights.quantization.scale
    biases = b.rng.integers(-largest, largest, shape[axis]).astype(np.int32)
    bias_grid = Quantization(scale, np.zeros(scale.size, np.int64), 0)
    bias = b.constant(biases, bias_grid, TensorType.INT32)
    return b.output(code, [source, weights, bias], out, grid, options, version)


def _grid_of_halves(b: Builder, source: Tensor, weights: Tensor, taps: int) -> Quantization:
    """A grid on which many sums lie halfway between two integers.

    Weights become -1, 0 and 1, their scales powers of two, and the output's scale a power of two
    times that of sums.
    """
    weights.data[:] = b.rng.integers(-1, 2, weights.shape)
    exponents = np.round(np.log2(weights.quantization.scale))
    weights.quantization.scale[:] = np.exp2(exponents)
    power = exponents.max() + max(np.round(np.log2(taps) / 2), 2)
    return Quantization.per_tensor(
        float(source.quantization.scale[0] * np.exp2(power)), b.zero_point()
    )
