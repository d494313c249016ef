"""Integer networks of the kinds that Edge TPUs were published with: random weights, uint8.

Sizes and the order of operators are those of google-coral's files of the same names, on which
depends what the compiler maps and how much memory it takes; `edgetpu_pairs/` has these files.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import SAME, VALID, Builder
from random_recurrent import sequence_lstm

from tfedge_converters.graph import Model, Quantization, Tensor, TensorType
from tfedge_converters.graph.operator_checks import options_class

_RELU = schema.ActivationFunctionType.RELU
_RELU6 = schema.ActivationFunctionType.RELU6
_UNIT = Quantization.per_tensor(1 / 128, 128)
_SIX = Quantization.per_tensor(6 / 255, 0)
_SIGNED = Quantization.per_tensor(0.05, 128)

# Channels and stride of the separable convolutions, at full width.
_MOBILENET_V1 = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)
)  # fmt: skip

# Channels, stride and dilation of the inverted bottlenecks.
_MOBILENET_V2 = (
    (24, 2, 1), (24, 1, 1), (32, 2, 1), (32, 1, 1), (32, 1, 1), (64, 2, 1), *[(64, 1, 1)] * 3,
    *[(96, 1, 1)] * 3, (160, 1, 1), (160, 1, 2), (160, 1, 2), (320, 1, 2),
)  # fmt: skip


class _Net:
    """A graph that grows from a uint8 input."""

    depthwise_version = 1

    def __init__(self, seed: int, *shape: int, activations: TensorType = TensorType.UINT8):
        self.builder = Builder(np.random.default_rng(seed), activations)
        self.input = self.builder.input(shape, _UNIT, TensorType.UINT8)

    def add(self, code, inputs, shape, grid, version=1, type_=None, **options) -> Tensor:
        settings = options_class(code)() if options else None
        for name, value in options.items():
            setattr(settings, name, value)
        b = self.builder
        return b.output(code, inputs, shape, grid, settings, version, type_)

    def model(self, *outputs: Tensor) -> Model:
        self.builder.outputs[:] = outputs
        return self.builder.model()

    def conv(self, x, channels, kernel=1, stride=1, activation=0) -> Tensor:
        shape = (channels, kernel, kernel, x.shape[3])
        inputs = [x, *self._parameters(x, shape, kernel * kernel * x.shape[3])]
        return self._window("CONV_2D", inputs, channels, stride, activation)

    def depthwise(self, x, stride=1, dilation=1) -> Tensor:
        inputs = [x, *self._parameters(x, (1, 3, 3, x.shape[3]), 9)]
        return self._window(
            "DEPTHWISE_CONV_2D", inputs, x.shape[3], stride, _RELU6, dilation,
            self.depthwise_version, depthMultiplier=1,
        )  # fmt: skip

    def _window(
        self, code, inputs, channels, stride, activation, dilation=1, version=1, **options
    ) -> Tensor:
        height, width = (-(-size // stride) for size in inputs[0].shape[1:3])
        return self.add(
            code, inputs, (1, height, width, channels), _SIX if activation else _SIGNED, version,
            padding=SAME, strideH=stride, strideW=stride, dilationHFactor=dilation,
            dilationWFactor=dilation, fusedActivationFunction=activation, **options,
        )  # fmt: skip

    def _parameters(self, x, shape, fan_in) -> tuple[Tensor, Tensor]:
        """Weights at which activations neither vanish nor saturate, and biases."""
        rng = self.builder.rng
        scale = 3 * np.sqrt(2 / fan_in) / 127
        grid = Quantization.per_tensor(scale, int(rng.integers(110, 146)))
        values = np.clip(np.round(rng.normal(grid.zero_point[0], 42, shape)), 0, 255)
        weights = self.builder.constant(values, grid, TensorType.UINT8)
        step = float(x.quantization.scale[0] * grid.scale[0])
        channels = shape[3] if shape[0] == 1 and fan_in == 9 else shape[0]
        bias = np.round(rng.normal(0, 0.3, channels) / step)
        return weights, self.builder.constant(bias, Quantization.per_tensor(step, 0))


def mobilenet_v1(width: float, side: int) -> Model:
    net = _Net(1, 1, side, side, 3)
    x = net.conv(net.input, int(32 * width), 3, 2, _RELU6)
    for channels, stride in _MOBILENET_V1:
        x = net.conv(net.depthwise(x, stride), int(channels * width), activation=_RELU6)
    x = _pooled(net, x, 2)
    x = net.conv(x, 1001)
    classes = net.builder.constant(np.array([1, 1001], np.int32))
    x = net.add("RESHAPE", [x, classes], (1, 1001), x.quantization)
    likely = Quantization.per_tensor(1 / 256, 0)
    return net.model(net.add("SOFTMAX", [x], (1, 1001), likely, beta=1.0))


def _pooled(net: _Net, x: Tensor, stride: int) -> Tensor:
    _, height, width, channels = x.shape
    return net.add(
        "AVERAGE_POOL_2D", [x], (1, 1, 1, channels), x.quantization, padding=VALID,
        strideH=stride, strideW=stride, filterHeight=height, filterWidth=width,
    )  # fmt: skip


def deeplab_v3(side: int = 513) -> Model:
    """Segmentation into 21 classes, with its ends on the CPU behind an image-wide pool."""
    net = _Net(2, 1, side, side, 3)
    net.depthwise_version = 2  # which knows dilation
    x = net.conv(net.input, 32, 3, 2, _RELU6)
    x = net.conv(net.depthwise(x), 16)
    for channels, stride, dilation in _MOBILENET_V2:
        wide = net.conv(x, 6 * x.shape[3], activation=_RELU6)
        y = net.conv(net.depthwise(wide, stride, dilation), channels)
        same = y.shape == x.shape
        x = net.add("ADD", [y, x], x.shape, _SIGNED, potScaleInt16=True) if same else y
    pooled = _pooled(net, x, 1)
    near = net.conv(x, 256, activation=_RELU)
    far = net.conv(pooled, 256, activation=_RELU)
    far = _resized(net, far, near.shape[1])
    far = net.add("QUANTIZE", [far], far.shape, near.quantization)
    both = net.add("CONCATENATION", [far, near], (*near.shape[:3], 512), near.quantization, axis=3)
    x = net.conv(net.conv(both, 256, activation=_RELU), 21)
    x = _resized(net, _resized(net, x, x.shape[1]), side)
    axis = net.builder.constant(np.int32(3))
    int64 = TensorType.INT64
    return net.model(
        net.add("ARG_MAX", [x, axis], x.shape[:3], None, type_=int64, outputType=int64.value)
    )


def _resized(net: _Net, x: Tensor, side: int) -> Tensor:
    size = net.builder.constant(np.array([side, side], np.int32))
    shape = (1, side, side, x.shape[3])
    return net.add("RESIZE_BILINEAR", [x, size], shape, x.quantization, alignCorners=True)


def split_concat() -> Model:
    net = _Net(3, 1, 8, 8, 3)
    others = [net.builder.input((1, 8, 8, depth), _UNIT) for depth in (1, 2)]
    x = net.add("CONCATENATION", [net.input, *others], (1, 8, 8, 6), _UNIT, axis=3)
    axis = net.builder.constant(np.int32(3))
    first = net.add("SPLIT", [axis, x], (1, 8, 8, 1), _UNIT, numSplits=6)
    rest = [Tensor(f"split_{n}", first.shape, first.type, _UNIT) for n in range(1, 6)]
    net.builder.operators[-1].outputs.extend(rest)
    parts = [first, *rest]
    joined = net.add("CONCATENATION", parts[3::2], (1, 8, 8, 2), _UNIT, axis=3)
    return net.model(*parts[:5:2], parts[1], joined)


def lstm_mnist() -> Model:
    """The rows of an image one after the other, in int8 between uint8 ends."""
    net = _Net(4, 1, 28, 28, activations=TensorType.INT8)
    b = net.builder
    signed = Quantization.per_tensor(1 / 128, 0)
    x = net.add("QUANTIZE", [net.input], (1, 28, 28), signed)
    tanh = schema.ActivationFunctionType.TANH
    x = sequence_lstm(b, x, 20, schema.UnidirectionalSequenceLSTMOptionsT(tanh))
    b.operators[-1].options.cellClip = 10.0
    flat = b.constant(np.array([1, 560], np.int32))
    x = net.add("RESHAPE", [x, flat], (1, 560), x.quantization)
    weights = b.weights((10, 560), 0, per_channel=False)
    inputs = [x, weights, b.bias(x, weights)]
    x = net.add("FULLY_CONNECTED", inputs, (1, 10), b.sums(x, weights, 560), 4, keepNumDims=False)
    x = net.add("SOFTMAX", [x], (1, 10), Quantization.per_tensor(1 / 256, -128), 2, beta=1.0)
    likely = Quantization.per_tensor(1 / 256, 0)
    return net.model(net.add("QUANTIZE", [x], (1, 10), likely, type_=TensorType.UINT8))


MODELS = {
    "deeplabv3_mnv2_pascal_quant": deeplab_v3,
    # All of its operators, for tests that run them.
    "deeplabv3_small": lambda: deeplab_v3(65),
    "keras_lstm_mnist_ptq": lstm_mnist,
    "mobilenet_v1_0.25_128_quant": lambda: mobilenet_v1(0.25, 128),
    "mobilenet_v1_0.5_160_quant": lambda: mobilenet_v1(0.5, 160),
    "split_concat": split_concat,
}
