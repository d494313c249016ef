"""Random networks of int8 in which some channels are planted that cannot change."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import SAME, VALID, Builder, extent

from tfedge_converters.graph import Model, Quantization, Tensor, TensorType

_FUSED = schema.ActivationFunctionType


class Network:
    """Puts layers behind one another; every channel that it plants is constant or unread."""

    def __init__(self, b: Builder, channels: int = 3):
        self.b = b
        self.x = b.input((1, *b.rng.integers(5, 9, 2).tolist(), channels))

    def conv(self, channels: int, activation: int | None = None, kernel: int | None = None) -> None:
        """A convolution with a random window; about half of its channels are constant."""
        rng = self.b.rng
        kernel = int(rng.choice([1, 1, 2, 3])) if kernel is None else kernel
        options = schema.Conv2DOptionsT()
        shape = self._windowed(options, kernel, activation)
        weights = self.b.weights((channels, kernel, kernel, self.x.shape[3]), 0, per_channel=True)
        self._add("CONV_2D", options, weights, (*shape, channels), kernel**2 * self.x.shape[3])

    def depthwise(self, activation: int | None = None) -> None:
        """A depthwise convolution, now and then with several results a channel."""
        multiplier = int(self.b.rng.choice([1, 1, 1, 2]))
        channels, kernel = self.x.shape[3] * multiplier, int(self.b.rng.choice([2, 3]))
        options = schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = multiplier
        shape = self._windowed(options, kernel, activation)
        weights = self.b.weights((1, kernel, kernel, channels), 3, per_channel=True)
        self._add("DEPTHWISE_CONV_2D", options, weights, (*shape, channels), kernel**2)

    def residual(self) -> None:
        """The sum of what is there and a convolution of it."""
        before = self.x
        self._pointwise_like(before)
        options = schema.AddOptionsT()
        options.fusedActivationFunction = self.b.activation()
        self.made("ADD", [before, self.x], before.shape, self.b.quantization(), options)

    def concatenation(self) -> None:
        """What is there beside a convolution of it, on the same grid."""
        before = self.x
        self._pointwise_like(before)
        self.x.quantization = before.quantization
        options = schema.ConcatenationOptionsT()
        options.axis = 3
        shape = (*before.shape[:3], 2 * before.shape[3])
        self.made("CONCATENATION", [before, self.x], shape, before.quantization, options)

    def pool(self) -> None:
        """A mean or maximum of 2x2."""
        options = schema.Pool2DOptionsT()
        options.filterHeight = options.filterWidth = options.strideH = options.strideW = 2
        options.padding, options.fusedActivationFunction = SAME, self.b.activation()
        size = [extent(n, 2, 2, 1, SAME) for n in self.x.shape[1:3]]
        code = str(self.b.rng.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
        shape = (1, *size, self.x.shape[3])
        self.made(code, [self.x], shape, self.x.quantization, options)

    def pad(self) -> None:
        """Zeros around it."""
        shape = (1, self.x.shape[1] + 1, self.x.shape[2] + 2, self.x.shape[3])
        amounts = self.b.constant(np.array([[0, 0], [1, 0], [1, 1], [0, 0]], np.int32))
        self.made("PAD", [self.x, amounts], shape, self.x.quantization, schema.PadOptionsT(), 1)

    def function(self) -> None:
        """A function of single values."""
        code = str(self.b.rng.choice(["LOGISTIC", "RELU", "QUANTIZE"]))
        fixed = Quantization.per_tensor(1 / 256, -128)
        grid = fixed if code == "LOGISTIC" else self.b.quantization()
        self.made(code, [self.x], self.x.shape, grid, None, 1 if code == "QUANTIZE" else 2)

    def dense(self, channels: int = 5) -> None:
        """Means or all values of every channel, and a dense layer, now and then without biases."""
        _, height, width, depth = self.x.shape
        if self.b.rng.random() < 0.5:
            axes = self.b.constant(np.array([1, 2], np.int32))
            options = schema.ReducerOptionsT()
            self.made("MEAN", [self.x, axes], (1, depth), self.b.quantization(), options)
        elif self.b.rng.random() < 0.7:
            flat = (1, height * width * depth)
            shape = self.b.constant(np.array(flat, np.int32))
            grid, options = self.x.quantization, schema.ReshapeOptionsT()
            options.newShape = np.array(flat, np.int32)
            self.made("RESHAPE", [self.x, shape], flat, grid, options, 1)
        depth = int(np.prod(self.x.shape[1:]))
        weights = self.b.weights((channels, depth), 0, per_channel=False)
        options = schema.FullyConnectedOptionsT()
        bias = self.b.bias(self.x, weights) if self.b.rng.random() < 0.7 else None
        grid = self.b.sums(self.x, weights, depth)
        self.made("FULLY_CONNECTED", [self.x, weights, bias], (1, channels), grid, options, 4)

    def end(self) -> None:
        """Makes what is there an output."""
        if not any(tensor is self.x for tensor in self.b.outputs):
            self.b.outputs.append(self.x)

    def _windowed(self, options, kernel: int, activation: int | None) -> tuple[int, int, int]:
        """Sets strides, dilations, padding and activation; the shape without channels."""
        rng = self.b.rng
        stride, dilation = (2, 1) if rng.random() < 0.2 else (1, int(rng.choice([1, 1, 2])))
        size = self.x.shape[1:3]
        fits = min(size) >= (kernel - 1) * dilation + 1
        padding = int(rng.choice([SAME, VALID])) if fits else SAME
        options.strideH = options.strideW = stride
        options.dilationHFactor = options.dilationWFactor = dilation
        options.padding = padding
        options.fusedActivationFunction = self.b.activation() if activation is None else activation
        height, width = (extent(n, kernel, stride, dilation, padding) for n in size)
        return 1, height, width

    def _pointwise_like(self, before: Tensor) -> None:
        """A 1x1 convolution to the same shape."""
        options = schema.Conv2DOptionsT()
        options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = self.b.activation()
        channels = before.shape[3]
        weights = self.b.weights((channels, 1, 1, channels), 0, per_channel=True)
        self._add("CONV_2D", options, weights, before.shape, channels)

    def _add(self, code, options, weights: Tensor, shape, depth: int) -> None:
        bias = self.b.bias(self.x, weights)
        grid = self.b.sums(self.x, weights, depth)
        self._plant(weights, bias)
        if code == "CONV_2D" and self.b.rng.random() < 0.15:  # TFLite Micro wants the others
            bias = None
        self.made(code, [self.x, weights, bias], shape, grid, options, 3)

    def _plant(self, weights: Tensor, bias: Tensor) -> None:
        """Biases far beyond what weights can make up for, or no weights at all."""
        kinds = self.b.rng.choice(["moves", "below", "above", "still"], bias.elements, p=_SHARES)
        bias.data[kinds == "below"] = -5_000_000
        bias.data[kinds == "above"] = 5_000_000
        np.moveaxis(weights.data, weights.quantization.axis, 0)[kinds == "still"] = 0

    def made(self, code, inputs, shape, grid, options, version=2) -> None:
        """Any operator on what is there, whose result is there afterwards."""
        self.x = self.b.output(code, inputs, shape, grid, options, version)
        self.b.outputs.pop()


_SHARES = (0.55, 0.2, 0.1, 0.15)

_LAYERS = ("conv", "depthwise", "residual", "concatenation", "pool", "pad", "function")
_LIKELY = (0.3, 0.3, 0.08, 0.08, 0.08, 0.08, 0.08)


def random_network(b: Builder) -> None:
    """Adds one to a builder: some layers between convolutions, and one or two outputs."""
    net = Network(b)
    net.conv(int(b.rng.integers(4, 10)))
    for layer in b.rng.choice(_LAYERS, 4, p=_LIKELY):
        if layer == "conv":
            net.conv(int(b.rng.integers(4, 10)))
        else:
            getattr(net, layer)()
        if b.rng.random() < 0.1:
            net.end()
    net.conv(6, kernel=1)
    if b.rng.random() < 0.7:
        net.dense()
    net.end()


def random_networks(seed: int, count: int) -> Model:
    """Independent networks side by side in one graph."""
    b = Builder(np.random.default_rng([seed, 77]))
    assert b.activations == TensorType.INT8
    for _ in range(count):
        random_network(b)
    return b.model()
