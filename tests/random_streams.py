"""Random networks of images, for computation in bands of rows, and streams of their layers."""

from __future__ import annotations

from contextlib import contextmanager
from unittest import mock

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import SAME, VALID, Builder, extent
from random_lanes import weighted

from tfedge_converters.c.plan import _Planner
from tfedge_converters.c.streams import banded_layers, streams_around
from tfedge_converters.graph import Quantization, Tensor

_NONE = schema.ActivationFunctionType.NONE
_CHANNELS = (1, 3, 4, 8, 8, 12, 16)


def network(b: Builder) -> None:
    """A few layers in a row with sums over some of them; the last one is an output, few others."""
    size = b.rng.integers(3, 15, 2).tolist()
    values = [b.input((1, *size, int(b.rng.choice(_CHANNELS))))]
    before = len(b.outputs)
    for _ in range(int(b.rng.integers(2, 8))):
        values.append(_layer(b, values))
    made = b.outputs[before:]
    b.outputs[before:] = [t for t in made if t is made[-1] or b.rng.random() < 0.1]


def _layer(b: Builder, values: list[Tensor]) -> Tensor:
    source = values[-1]
    others = [value for value in values if value.shape == source.shape]
    if len(others) > 1 and b.rng.random() < 0.5:
        return _sum(b, source, others[int(b.rng.integers(len(others) - 1))])
    make = b.rng.choice([_convolution, _convolution, _pixels, _depthwise, _depthwise, _pool, _relu])
    return make(b, source)


def _sum(b: Builder, one: Tensor, other: Tensor) -> Tensor:
    options = schema.AddOptionsT()
    options.fusedActivationFunction = _NONE
    scale = max(float(operand.quantization.scale[0]) for operand in (one, other))
    grid = Quantization.per_tensor(2 * scale, b.zero_point())
    return b.output("ADD", [one, other], one.shape, grid, options)


def _convolution(b: Builder, source: Tensor) -> Tensor:
    kernel = [int(k) for k in b.rng.choice([1, 2, 3, 3, 5], 2)]
    dilation = 2 if b.rng.random() < 0.15 else 1
    options = schema.Conv2DOptionsT()
    out = _slide(b, source, kernel, options, dilation, most_stride=1 if dilation > 1 else 3)
    options.dilationHFactor = options.dilationWFactor = dilation
    channels = int(b.rng.choice(_CHANNELS))
    shape = (channels, *kernel, source.shape[3])
    return weighted(b, "CONV_2D", source, shape, 0, (*out, channels), options, 3)


def _pixels(b: Builder, source: Tensor) -> Tensor:
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = 1
    channels = int(b.rng.choice(_CHANNELS))
    shape = (channels, 1, 1, source.shape[3])
    out = (*source.shape[:3], channels)
    return weighted(b, "CONV_2D", source, shape, 0, out, options, 3)


def _depthwise(b: Builder, source: Tensor) -> Tensor:
    kernel = [3, 3] if b.rng.random() < 0.8 else [int(k) for k in b.rng.choice([1, 2, 5], 2)]
    options = schema.DepthwiseConv2DOptionsT()
    options.depthMultiplier = 1
    out = _slide(b, source, kernel, options)
    shape = (1, *kernel, source.shape[3])
    return weighted(b, "DEPTHWISE_CONV_2D", source, shape, 3, (*out, source.shape[3]), options, 3)


def _pool(b: Builder, source: Tensor) -> Tensor:
    options = schema.Pool2DOptionsT()
    kernel = [int(k) for k in b.rng.choice([1, 2, 3], 2)]
    options.filterHeight, options.filterWidth = kernel
    options.fusedActivationFunction = _NONE
    out = _slide(b, source, kernel, options)
    code = str(b.rng.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
    return b.output(code, [source], (*out, source.shape[3]), source.quantization, options)


def _relu(b: Builder, source: Tensor) -> Tensor:
    return b.output("RELU", [source], source.shape, b.quantization())


def _slide(
    b: Builder, source: Tensor, kernel: list[int], options, dilation: int = 1, most_stride: int = 3
) -> tuple[int, ...]:
    """The output's shape but for its channels; strides and padding go to the options."""
    stride = [min(int(n), most_stride) for n in b.rng.choice([1, 1, 1, 2, 2, 3], 2)]
    if b.rng.random() < 0.6:
        stride[1] = stride[0]
    size, reach = source.shape[1:3], [(k - 1) * dilation + 1 for k in kernel]
    fits = all(k <= n for k, n in zip(reach, size, strict=True))
    options.padding = VALID if fits and b.rng.random() < 0.3 else SAME
    options.strideH, options.strideW = stride
    return (
        1,
        *(extent(n, k, s, 1, options.padding) for n, k, s in zip(size, reach, stride, strict=True)),
    )


@contextmanager
def streams_at_random(rng: np.random.Generator, made: list):
    """Lets planners stream layers at random, whether that saves memory or not.

    Args:
        rng: decides.
        made: takes up the streams.
    """

    def stream(self: _Planner) -> None:
        banded = banded_layers(self.graph, self.layers, self.packing)
        for peak in rng.permutation(len(self.layers)).tolist():
            found = list(streams_around(peak, banded, self.streams, self.graph, 1 << 40))
            if found and rng.random() < 0.8:
                found.sort(key=lambda one: one.first - one.last)
                chosen = found[min(int(rng.exponential(1)), len(found) - 1)]
                self._use([*self.streams, chosen])
        made.extend(self.streams)

    with mock.patch.object(_Planner, "stream", stream):
        yield
