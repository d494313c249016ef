"""Random instances of operators whose weights can be stored in forms that take less flash.

Channels are few primes and many products, so that tiles have every size; images leave remainders.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import SAME, VALID, Builder
from random_packed import weighted

from tfedge_converters.graph import Tensor

_CHANNELS = (8, 10, 12, 16, 24, 30, 32, 36, 48)
_DEPTHS = (4, 7, 8, 12, 16, 20, 32, 48)


def stored_conv_2d(b: Builder) -> None:
    """Kernels of several taps, with strides and padding."""
    kernel, stride = b.rng.integers(1, 4, 2).tolist(), b.rng.integers(1, 3, 2).tolist()
    size = [int(n) for n in b.rng.integers(3, 9, 2)]
    depth, channels = int(b.rng.choice(_DEPTHS[:5])), int(b.rng.choice(_CHANNELS))
    source = b.input((int(b.rng.choice([1, 1, 2])), *size, depth))
    options = schema.Conv2DOptionsT()
    options.strideH, options.strideW = stride
    options.padding = SAME
    out = [-(-n // step) for n, step in zip(size, stride, strict=True)]
    shape = (channels, *kernel, depth)
    output = (source.shape[0], *out, channels)
    _in_a_form(b, weighted(b, "CONV_2D", source, shape, 0, output, options, 3))


def stored_pixels(b: Builder) -> None:
    """1x1 convolutions, to fewer and to more channels, of inputs that may be overwritten."""
    height, width = (int(n) for n in b.rng.integers(1, 9, 2))
    depth, channels = int(b.rng.choice(_DEPTHS)), int(b.rng.choice(_CHANNELS))
    source = b.input((1, height, width, depth))
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = 1
    options.padding = VALID
    shape = (channels, 1, 1, depth)
    _in_a_form(
        b, weighted(b, "CONV_2D", source, shape, 0, (1, height, width, channels), options, 3)
    )


def stored_dense(b: Builder) -> None:
    """One row, or some."""
    rows, channels = int(b.rng.choice([1, 1, 2, 4, 9])), int(b.rng.choice(_CHANNELS))
    depth = int(b.rng.choice((*_DEPTHS, 100, 516)))
    source = b.input((rows, depth))
    options = schema.FullyConnectedOptionsT()
    _in_a_form(
        b,
        weighted(b, "FULLY_CONNECTED", source, (channels, depth), 0, (rows, channels), options, 4),
    )


def stored_depthwise(b: Builder) -> None:
    """Kernels of one channel each."""
    kernel = b.rng.integers(2, 5, 2).tolist()
    channels = 4 * int(b.rng.integers(4, 12))
    size = [int(n) for n in b.rng.integers(3, 8, 2)]
    source = b.input((1, *size, channels))
    options = schema.DepthwiseConv2DOptionsT()
    options.strideH = options.strideW = 1
    options.padding, options.depthMultiplier = SAME, 1
    shape = (1, *kernel, channels)
    _in_a_form(
        b, weighted(b, "DEPTHWISE_CONV_2D", source, shape, 3, (1, *size, channels), options, 3)
    )


def _in_a_form(b: Builder, output: Tensor) -> None:
    """Give the operator that was made last weights that have a form."""
    weights = b.operators[-1].inputs[1]
    make = list(FORMS.values())[int(b.rng.integers(len(FORMS)))]
    weights.data = make(b.rng, weights.data)


def _int4(rng: np.random.Generator, data: np.ndarray) -> np.ndarray:
    return rng.integers(-8, 8, data.shape).astype(np.int8)


def _shared(rng: np.random.Generator, data: np.ndarray) -> np.ndarray:
    values = rng.integers(-127, 128, int(rng.integers(2, 33))).astype(np.int8)
    return rng.choice(values, data.shape)


def _sparse(rng: np.random.Generator, data: np.ndarray) -> np.ndarray:
    return np.where(rng.random(data.shape) < rng.uniform(0.6, 1), 0, data).astype(np.int8)


def _blocks(rng: np.random.Generator, data: np.ndarray) -> np.ndarray:
    """Four values of the depth at a time are 0; behind whole fours all are left."""
    depth = data.shape[-1]
    kept = rng.random((*data.shape[:-1], depth // 4 + 1)) < rng.uniform(0, 0.5)
    return np.where(np.repeat(kept, 4, axis=-1)[..., :depth], data, 0).astype(np.int8)


def _sparse_and_shared(rng: np.random.Generator, data: np.ndarray) -> np.ndarray:
    return _sparse(rng, _shared(rng, data))


FORMS: dict[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]] = {
    "int4": _int4,
    "shared": _shared,
    "sparse": _sparse,
    "blocks": _blocks,
    "sparse and shared": _sparse_and_shared,
}

OPERATORS = {
    "stored_conv_2d": stored_conv_2d,
    "stored_pixels": stored_pixels,
    "stored_dense": stored_dense,
    "stored_depthwise": stored_depthwise,
}
