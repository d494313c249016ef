"""Real activations that lie halfway between two integers become the integer of LiteRT."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder

from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute.host import build_host
from tfedge_converters.graph import Model, Operator, Quantization, Tensor, TensorType, write_model
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


def _dense(b: Builder, source: Tensor, kind: str) -> Tensor:
    """A dense layer of 9 channels, with weights of a kind and activations of its source's."""
    grid = source.quantization
    integers = b.weights((9, source.shape[1]), 0, per_channel=kind == "int8")
    if kind in ("float32", "float16"):
        type_ = TensorType[kind.upper()]
        values = b.rng.normal(size=integers.shape).astype(type_.dtype)
        weights = b.constant(values, None, type_)
    else:
        weights = integers
    if kind == "int4":
        weights.type, weights.data = TensorType.INT4, weights.data.clip(-7, 7)
    if kind == "float16":
        real = Tensor(f"real_{len(b.operators)}", weights.shape, TensorType.FLOAT32)
        b.operators.append(Operator("DEQUANTIZE", [weights], [real], None, 3))
        weights = real
    out = None if grid is None else b.sums(source, integers, source.shape[1])
    return b.output(
        "FULLY_CONNECTED", [source, weights, None], (2, 9), out, schema.FullyConnectedOptionsT(),
        version=12 if kind == "int4" else 5, type_=source.type,
    )  # fmt: skip


def test_layers_of_all_kinds_of_weights_side_by_side(tmp_path):
    """Integers and real numbers in one model, each result the next one's operand."""
    b = Builder(np.random.default_rng(11))
    values = b.input((2, 12))
    values = b.output("DEQUANTIZE", [values], values.shape, None, type_=TensorType.FLOAT32)
    for kind in ("float32", "float16", "int8", "int4", "float16", "int8"):
        values = _dense(b, values, kind)
    values = b.output("QUANTIZE", [values], values.shape, Quantization.per_tensor(0.01, 3))
    _dense(b, values, "int8")
    model = b.model()
    samples = [[b.rng.integers(-128, 128, (2, 12)).astype(np.int8)] for _ in range(20)]
    right = run_litert_reference(write_model(model), samples)
    source = generate(model, Options("model", targets.load("host"), "size"))
    results = build_host(source.write(tmp_path), sanitize=True, flags=["-O1"]).run(samples)
    for got, expected in zip(results, right, strict=True):
        assert [a.tobytes() for a in got[:-1]] == [e.tobytes() for e in expected[:-1]]
        # LiteRT rounds once where TFLite Micro rounds twice.
        assert np.abs(got[-1].astype(int) - expected[-1]).max() <= 1
    assert len({expected[-2].tobytes() for expected in right}) > 10
    # Half precision is two bytes a weight in flash.
    assert [one.bytes for one in source.constants].count(9 * 9 * 2) == 2
