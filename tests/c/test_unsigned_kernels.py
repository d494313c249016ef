"""uint8 operators of older tools: the C equals LiteRT's reference kernels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_graphs import OPERATORS, batches, random_model, random_sample
from unsigned_graphs import random_unsigned_batch

from tfedge.errors import UnsupportedError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute.host import build_host
from tfedge_converters.graph import (
    Graph,
    Model,
    Operator,
    Quantization,
    Tensor,
    TensorType,
    write_model,
)
from tfedge_converters.graph.operator_traits import traits_of
from tfedge_converters.graph.passes.unsigned import signed
from tfedge_converters.verify.engines import run_litert_reference

SEED = 3
INSTANCES = 12
SAMPLES = 20


def is_shiftable(name):
    graph = random_model(name, SEED, INSTANCES).main
    codes = {operator.code for operator in graph.operators}
    if any(tensor.type in (TensorType.INT4, TensorType.INT16) for tensor in graph.tensors()):
        return False  # younger than uint8 models
    return all(traits_of(code).uint8_as_int8 for code in codes) and any(
        t.type == TensorType.INT8 for t in graph.inputs
    )


@pytest.mark.parametrize("names", batches(filter(is_shiftable, OPERATORS)), ids=" ".join)
def test_uint8_is_bit_exact(names, tmp_path):
    model = random_unsigned_batch(names, SEED, INSTANCES)
    rng = np.random.default_rng(4)
    samples = [random_sample(model, rng) for _ in range(SAMPLES)]
    program = generate(model, Options("model", targets.load("host"), "shared")).write(tmp_path)
    got = build_host(program, sanitize=True, flags=["-O0"]).run(samples)
    right = run_litert_reference(write_model(model), samples)
    for actual, expected in zip(got, right, strict=True):
        for a, b in zip(actual, expected, strict=True):
            assert a.dtype == b.dtype
            assert a.tobytes() == b.tobytes(), np.argwhere(a != b)[:3]


@pytest.mark.parametrize("corners", [(0, 0), (1, 0), (0, 1)])
def test_bilinear_resizing_is_bit_exact(corners, tmp_path):
    rng = np.random.default_rng(7)
    graph = Graph([], [], [])
    options = schema.ResizeBilinearOptionsT()
    options.alignCorners, options.halfPixelCenters = map(bool, corners)
    grid = Quantization.per_tensor(0.1, 37)
    for index, sizes in enumerate(rng.integers(1, 12, (12, 4)).tolist()):
        size = np.array([sizes[2] * 3, sizes[3] * 2], np.int32)
        source = Tensor(f"x{index}", (1, *sizes[:2], 3), TensorType.UINT8, grid)
        output = Tensor(f"y{index}", (1, *size.tolist(), 3), TensorType.UINT8, grid)
        operand = Tensor(f"size{index}", (2,), TensorType.INT32, None, size)
        graph.operators.append(Operator("RESIZE_BILINEAR", [source, operand], [output], options, 3))
        graph.inputs.append(source)
        graph.outputs.append(output)
    model = Model([graph])
    samples = [random_sample(model, rng) for _ in range(SAMPLES)]
    program = generate(model, Options("model", targets.load("host"), "shared")).write(tmp_path)
    got = build_host(program, sanitize=True, flags=["-O0"]).run(samples)
    right = run_litert_reference(write_model(model), samples)
    for x, y in zip(got, right, strict=True):
        for a, b in zip(x, y, strict=True):
            assert np.array_equal(a, b)


def test_positions_may_be_int64(tmp_path):
    rng = np.random.default_rng(8)
    source = Tensor("x", (5, 7), TensorType.UINT8, Quantization.per_tensor(0.1, 37))
    axis = Tensor("axis", (), TensorType.INT32, None, np.array(1, np.int32))
    output = Tensor("y", (5,), TensorType.INT64)
    options = schema.ArgMaxOptionsT()
    options.outputType = int(TensorType.INT64)
    operator = Operator("ARG_MAX", [source, axis], [output], options)
    model = Model([Graph([source], [output], [operator])])
    samples = [random_sample(model, rng) for _ in range(SAMPLES)]
    program = generate(model, Options("model", targets.load("host"), "shared")).write(tmp_path)
    got = build_host(program, sanitize=True, flags=["-O0"]).run(samples)
    right = run_litert_reference(write_model(model), samples)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(got, right, strict=True))
    assert got[0][0].dtype == np.int64


def test_multipliers_are_those_of_a_float32_product(tmp_path):
    """Sums near 2^29 tell a product of scales in float32 from one in float64."""
    model = random_unsigned_batch(["conv_2d"], seed=5, count=40)
    rng = np.random.default_rng(6)
    for operator in model.main.operators:
        source, weights, bias = operator.inputs
        bias.data = rng.integers(-(1 << 29), 1 << 29, bias.shape).astype(np.int32)
        product = source.quantization.scale[0] * weights.quantization.scale[0]
        operator.outputs[0].quantization.scale[0] = product * (1 << 29) / 100
    samples = [random_sample(model, rng) for _ in range(SAMPLES)]
    program = generate(model, Options("model", targets.load("host"), "shared")).write(tmp_path)
    got = build_host(program, flags=["-O1"]).run(samples)
    right = run_litert_reference(write_model(model), samples)
    assert all(
        (a == b).all() for x, y in zip(got, right, strict=True) for a, b in zip(x, y, strict=True)
    )


def test_the_given_graph_stays_as_it_is():
    model = random_unsigned_batch(["conv_2d"], seed=1, count=2)
    before = write_model(model)
    graph = signed(model.main)
    assert graph.inputs == model.main.inputs
    assert graph.outputs == model.main.outputs
    assert [o.code for o in graph.operators] == ["QUANTIZE"] * 2 + ["CONV_2D"] * 2 + [
        "QUANTIZE"
    ] * 2
    assert write_model(model) == before


def test_int8_graphs_and_conversions_of_bytes_are_not_touched():
    for model in (random_model("conv_2d", 1, 2), random_unsigned_batch(["quantize_int8"], 1, 2)):
        assert signed(model.main) is model.main


def test_other_uint8_arithmetic_is_refused():
    model = random_unsigned_batch(["squared_difference"], seed=1, count=1)
    with pytest.raises(UnsupportedError, match=r"SQUARED_DIFFERENCE.* uint8 arithmetic"):
        signed(model.main)


def test_a_constant_may_be_an_output(tmp_path):
    model = random_unsigned_batch(["add"], 3, 1)
    added = model.main.operators[0]
    constant, first = added.inputs[0], added.inputs[1]
    constant.data = np.arange(constant.elements, dtype=np.uint8).reshape(constant.shape)
    model.main.inputs = [tensor for tensor in model.main.inputs if tensor is not constant]
    model.main.outputs.append(constant)
    source = generate(model, Options("model", targets.load("host")))
    sample = [np.zeros(first.shape, np.uint8)]
    results = build_host(source.write(tmp_path), sanitize=True, flags=["-O0"]).run([sample])[0]
    np.testing.assert_array_equal(results[-1], constant.data)


def test_sums_of_dense_layers_are_scaled_in_double_precision(tmp_path):
    """Sums at and beside the halves tell one rounding, and its multiplier, from another."""
    model = random_unsigned_batch(["fully_connected"], seed=5, count=40)
    rng = np.random.default_rng(6)
    samples = [random_sample(model, rng)]
    graph = model.main
    for index, operator in enumerate(graph.operators):
        source, weights, bias = operator.inputs
        output = operator.outputs[0]
        grids = [tensor.quantization for tensor in (source, weights, output)]
        if index % 2:
            for grid, scale in zip(grids, (0.125, 0.25, 0.5), strict=True):
                grid.scale[0] = scale
        real = math.prod(float(grid.scale[0]) for grid in grids[:2]) / float(grids[2].scale[0])
        x = samples[0][index].astype(np.int64) - grids[0].zero_point[0]
        products = x @ (weights.data.astype(np.int64) - grids[1].zero_point[0]).T
        halves = rng.integers(-100, 100, weights.shape[0]) + 0.5
        if bias is not None:
            bias.quantization.scale[0] = grids[0].scale[0] * grids[1].scale[0]
            beside = 0 if index % 2 else rng.integers(-1, 2, halves.shape)
            bias.data = (np.round(halves / real) + beside - products[0]).astype(np.int32)
    program = generate(model, Options("model", targets.load("host"), "shared")).write(tmp_path)
    got = build_host(program, sanitize=True, flags=["-O0"]).run(samples)
    right = run_litert_reference(write_model(model), samples)
    assert all(np.array_equal(a, b) for a, b in zip(got[0], right[0], strict=True))
