"""Real activations that lie halfway between two integers become the integer of LiteRT."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder

from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute.host import build_host
from tfedge_converters.graph import Model, Quantization, TensorType, write_model
from tfedge_converters.verify.engines import run_litert_reference

# Steps of 1: low and high are 255 apart, and 0 becomes -64 or 63.
_REACHES = ((-64.0, 191.0), (-191.0, 64.0), (-127.0, 127.0))
_HALVES = (0.5, 1.5, 2.5, 3.5, 10.5, 30.5, 63.5)
_SIZE = 2 + 2 * len(_HALVES)


def _identity(code: str, scales: np.ndarray, asymmetric: bool | None) -> Model:
    """A model whose outputs are the integers of its inputs, times the scales of its weights.

    Only FULLY_CONNECTED can choose between symmetric and asymmetric.
    """
    b = Builder(np.random.default_rng(0))
    flat = code == "FULLY_CONNECTED"
    shape = (1, _SIZE) if flat else (1, 1, 1, _SIZE)
    source = b.input(shape, type_=TensorType.FLOAT32)
    source.quantization = None
    if flat:
        options = schema.FullyConnectedOptionsT()
        options.asymmetricQuantizeInputs = asymmetric
        weights, axis, version = np.eye(_SIZE, dtype=np.int8), 0, 12
    elif code == "CONV_2D":
        options = _windows(schema.Conv2DOptionsT())
        weights, axis, version = np.eye(_SIZE, dtype=np.int8)[:, None, None], 0, 5
    else:
        options = _windows(schema.DepthwiseConv2DOptionsT())
        options.depthMultiplier = 1
        weights, axis, version = np.ones(shape, np.int8), 3, 6
    quantization = Quantization(scales, np.zeros(scales.size, np.int64), axis)
    bias = b.constant(np.zeros(_SIZE, np.float32), None, TensorType.FLOAT32)
    operands = [source, b.constant(weights, quantization), bias]
    b.output(code, operands, shape, None, options, version, TensorType.FLOAT32)
    return b.model()


def _windows(options):
    options.strideH = options.strideW = 1
    options.dilationHFactor = options.dilationWFactor = 1
    options.padding = schema.Padding.VALID
    return options


@pytest.mark.parametrize("equal_scales", [False, True])
@pytest.mark.parametrize(
    ("code", "asymmetric"),
    [
        ("FULLY_CONNECTED", False),
        ("FULLY_CONNECTED", True),
        ("CONV_2D", None),
        ("DEPTHWISE_CONV_2D", None),
    ],
)
def test_halves_are_rounded_before_the_zero_point(code, equal_scales, asymmetric, tmp_path):
    scales = np.ones(_SIZE, np.float32)
    if not equal_scales:
        scales[1::2] = 2
    model = _identity(code, scales, asymmetric)
    source = generate(model, Options("model", targets.load("host"), "speed"))
    program = build_host(source.write(tmp_path))
    halves = [sign * half for half in _HALVES for sign in (1, -1)]
    for low, high in _REACHES:
        values = np.float32([low, high, *halves]).reshape(model.main.inputs[0].shape)
        right = run_litert_reference(write_model(model), [[values]])
        got = program.run([[values]])
        np.testing.assert_array_equal(got[0][0], right[0][0])
