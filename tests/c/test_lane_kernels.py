"""Kernels for lanes of vectors: bit-exact on this machine, where plain C reads the same weights."""

from __future__ import annotations

import shutil
from collections import Counter

import numpy as np
import pytest
import random_lanes
from ai_edge_litert import schema_py_generated as schema
from layouts import calls_of
from output_comparison import assert_same_outputs
from random_builder import SAME, Builder
from random_graphs import random_sample
from random_lanes import random_layers

from tfedge_converters import targets
from tfedge_converters.c import Options, generate, lane_packing
from tfedge_converters.c.plan import plan
from tfedge_converters.execute.host import build_host
from tfedge_converters.graph import Quantization, write_model
from tfedge_converters.verify.engines import run_micro

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")

# How many of the random operators of one kind a kernel computes at least.
LEAST = {
    "conv_2d_lanes_s8": 24,
    "conv_2d_1x1_lanes_s8": 30,
    "conv_2d_1x1_shallow_lanes_s8": 6,
    "depthwise_conv_2d_lanes_s8": 12,
    "depthwise_conv_2d_3x3_lanes_s8": 6,
    "fully_connected_lanes_s8": 8,
    "add_lanes_s8": 24,
    "average_pool_2d_lanes_s8": 20,
}


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_kernels_are_bit_exact(compiler, tmp_path):
    """What gcc makes runs under its sanitizers."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    is_gcc = compiler == "gcc"
    model, samples = random_layers(30 if is_gcc else 10, seed=5)
    source = generate(model, Options("model", targets.load("cortex-m55")))
    flags = ["-O0" if is_gcc else "-O1"]
    program = build_host(source.write(tmp_path), compiler=compiler, sanitize=is_gcc, flags=flags)
    assert_same_outputs(program.run(samples), run_micro(write_model(model), samples))


def test_every_kernel_computes_some_of_the_random_operators():
    layout = plan(random_layers(30, seed=5)[0].main, "lanes")
    found = Counter(call.kernel for call in calls_of(layout))
    assert {kernel: found[kernel] for kernel, least in LEAST.items() if found[kernel] < least} == {}
    taken = [
        call.operands[0].byte_size - call.output.byte_size
        for call in calls_of(layout)
        if layout.place(call.operands[0]) == layout.place(call.output)
    ]
    assert min(np.sum(np.sign(taken) == sign) for sign in (-1, 0, 1)) > 5


@pytest.mark.parametrize("seed", [3, 46, 52])
def test_an_image_may_lie_in_the_memory_of_a_larger_result(seed, tmp_path):
    """Behind its beginning, so that outputs do not overtake what is read."""
    model, samples = one_convolution(seed)
    source = generate(model, Options("model", targets.load("cortex-m55")))
    [call] = calls_of(source.plan)
    assert call.operand_begins > 0
    begins = source.plan.place(call.operands[0]).offset - source.plan.place(call.output).offset
    assert begins == call.operand_begins
    assert begins + call.operands[0].byte_size <= call.output.byte_size
    program = build_host(source.write(tmp_path), sanitize=True, flags=["-O0"])
    assert_same_outputs(program.run(samples), run_micro(write_model(model), samples))


def one_convolution(seed):
    """A random one for lanes."""
    rng = np.random.default_rng(seed)
    builder = Builder(rng)
    random_lanes.convolution(builder)
    model = builder.model()
    return model, [random_sample(model, rng) for _ in range(4)]


def convolution(code="CONV_2D", **changes):
    """The kernel of a 3x3 convolution for lanes, unless something is changed."""
    b = Builder(np.random.default_rng(0))
    channels, multiplier = 6, changes.get("multiplier", 1)
    source = b.input((1, 7, 5, channels), Quantization.per_tensor(0.1, 3))
    is_dense = code == "CONV_2D"
    shape = (channels, 3, 3, channels) if is_dense else (1, 3, 3, channels * multiplier)
    options = schema.Conv2DOptionsT() if is_dense else schema.DepthwiseConv2DOptionsT()
    options.strideH = options.strideW = changes.get("stride", 1)
    options.dilationHFactor = options.dilationWFactor = changes.get("dilation", 1)
    options.padding, options.fusedActivationFunction = SAME, changes.get("activation", 0)
    if not is_dense:
        options.depthMultiplier = multiplier
    weights = b.weights(shape, 0 if is_dense else 3, per_channel=True)
    weights.data.reshape(-1)[0] = changes.get("weight", 1)
    operands = [source, weights, b.bias(source, weights)]
    grid = Quantization.per_tensor(changes.get("scale", 0.1), 5)
    size = [-(-n // options.strideH) for n in (7, 5)]
    b.output(code, operands, (1, *size, channels * multiplier), grid, options, 3)
    return calls_of(plan(b.model().main, "lanes"))[0].kernel


@pytest.mark.parametrize(
    ("code", "changes", "kernel"),
    [
        ("CONV_2D", {}, "conv_2d_lanes_s8"),
        ("CONV_2D", {"dilation": 2}, "conv_2d_s8"),
        ("CONV_2D", {"scale": 1e-5}, "conv_2d_s8"),
        ("DEPTHWISE_CONV_2D", {}, "depthwise_conv_2d_3x3_lanes_s8"),
        ("DEPTHWISE_CONV_2D", {"stride": 2}, "depthwise_conv_2d_lanes_s8"),
        ("DEPTHWISE_CONV_2D", {"dilation": 2}, "depthwise_conv_2d_lanes_s8"),
        ("DEPTHWISE_CONV_2D", {"activation": 2}, "depthwise_conv_2d_lanes_s8"),
        ("DEPTHWISE_CONV_2D", {"weight": -128}, "depthwise_conv_2d_3x3_lanes_s8"),
        ("DEPTHWISE_CONV_2D", {"weight": -128, "stride": 2}, "depthwise_conv_2d_s8"),
        ("DEPTHWISE_CONV_2D", {"multiplier": 2}, "depthwise_conv_2d_s8"),
        ("DEPTHWISE_CONV_2D", {"scale": 1e-5}, "depthwise_conv_2d_s8"),
    ],
)
def test_what_kernels_for_lanes_cannot_compute_stays_with_natural_ones(code, changes, kernel):
    assert convolution(code, **changes) == kernel


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 8, 17, 32, 33])
def test_packing_keeps_every_weight(channels):
    rng = np.random.default_rng(channels)
    for depth in (1, 15, 16, 33):
        weights = rng.integers(-128, 128, (channels, depth)).astype(np.int8)
        threes, fours = lane_packing.threes(weights), lane_packing.fours(weights)
        np.testing.assert_array_equal(lane_packing.from_threes(threes, channels, depth), weights)
        np.testing.assert_array_equal(lane_packing.from_fours(fours, channels, depth), weights)
        assert np.abs(threes.astype(int)).sum() == np.abs(weights.astype(int)).sum()
        taps = lane_packing.taps(weights.T)
        np.testing.assert_array_equal(lane_packing.from_taps(taps, depth, channels), weights.T)
    nines = rng.integers(-128, 128, (3, 3, channels)).astype(np.int8)
    np.testing.assert_array_equal(lane_packing.from_patches(lane_packing.patches(nines)), nines)


def test_weights_have_the_order_that_kernels_document():
    weights = np.arange(1, 5, dtype=np.int8)[:, None] * np.ones((4, 17), np.int8)
    vectors = lane_packing.threes(weights).reshape(-1, 16)
    assert vectors[:, 0].tolist() == [1, 2, 3, 1, 2, 3, 4, 4]
    assert lane_packing.fours(weights)[0, :, :, 0].tolist() == [[1, 2, 3, 4], [1, 2, 3, 4]]
    assert lane_packing.patches(np.arange(1, 10, dtype=np.int8).reshape(3, 3, 1)).tolist() == [
        *(0, 0, 0, 0, 0),
        *(1, 4, 7, 0),
        *(2, 5, 8, 0),
        *(3, 6, 9, 0),
        *(0, 0, 0, 0, 0),
    ]
    rows = lane_packing.product_rows(np.arange(3 * 16).reshape(3, 16))
    assert rows[:, 0].tolist() == [[0, 4, 8, 12], [2, 6, 10, 14], [1, 5, 9, 13], [3, 7, 11, 15]]
