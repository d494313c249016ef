"""Models whose generated code the static checks look at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder
from random_graphs import OPERATORS, STATEFUL

from tfedge_converters.graph import Model, Quantization, TensorType


def _side_by_side(names: Iterable[str]) -> Model:
    builder = Builder(np.random.default_rng(0))
    for name in names:
        OPERATORS[name](builder)
    return builder.model()


def every_operator() -> Model:
    """One instance of every operator that has a kernel, but for those that keep a state."""
    return _side_by_side(name for name in OPERATORS if name not in STATEFUL)


def every_stateful_operator() -> Model:
    """One instance of every operator that keeps a state between invocations."""
    return _side_by_side(name for name in OPERATORS if name in STATEFUL)


def wide_between_narrow() -> Model:
    """Narrow images, and wide ones between them: a stem, a depthwise layer, a projection."""
    b = Builder(np.random.default_rng(0))
    grid = Quantization.per_tensor(0.1, 0)
    x = b.input((1, 24, 12, 4), grid)
    for code, channels, kernel in (
        ("CONV_2D", 32, (3, 3)),
        ("DEPTHWISE_CONV_2D", 32, (3, 3)),
        ("CONV_2D", 4, (1, 1)),
    ):
        if code == "CONV_2D":
            options, shape, axis = schema.Conv2DOptionsT(), (channels, *kernel, x.shape[3]), 0
            options.dilationHFactor = options.dilationWFactor = 1
        else:
            options, shape, axis = schema.DepthwiseConv2DOptionsT(), (1, *kernel, channels), 3
            options.depthMultiplier = 1
        options.strideH = options.strideW = 1
        weights = b.weights(shape, axis, per_channel=True)
        inputs = [x, weights, b.bias(x, weights)]
        x = b.output(code, inputs, (*x.shape[:3], channels), grid, options, 3)
    b.outputs[:] = [x]
    return b.model()


def fallible() -> Model:
    """Rows of a table, by indices that are only known at run time, from float to float."""
    builder = Builder(np.random.default_rng(0))
    grid = Quantization.per_tensor(0.05, -3)
    real = builder.input((5, 3), type_=TensorType.FLOAT32)
    indices = builder.input((2,), type_=TensorType.INT32)
    real.quantization = indices.quantization = None
    table = builder.output("QUANTIZE", [real], (5, 3), grid, schema.QuantizeOptionsT())
    rows = builder.output("GATHER", [table, indices], (2, 3), grid, schema.GatherOptionsT())
    result = builder.output("DEQUANTIZE", [rows], (2, 3), None, type_=TensorType.FLOAT32)
    builder.outputs[:] = [result]
    return builder.model()
