"""Kernels for vectors of channels: bit-exact here, where plain C reads the same weights."""

from __future__ import annotations

import shutil
from collections import Counter

import numpy as np
import pytest
from layouts import calls_of
from output_comparison import assert_same_outputs
from random_lanes import random_layers

from tfedge_converters import targets
from tfedge_converters.c import Options, channel_packing, generate
from tfedge_converters.c.plan import plan
from tfedge_converters.execute.host import build_host
from tfedge_converters.graph import write_model
from tfedge_converters.verify.engines import run_micro

# How many of the random operators of one kind a kernel computes at least.
LEAST = {
    "conv_2d_channels_s8": 24,
    "conv_2d_1x1_channels_s8": 40,
    "depthwise_conv_2d_channels_s8": 24,
    "fully_connected_channels_s8": 8,
    "add_lanes_s8": 24,
    "average_pool_2d_lanes_s8": 12,
}


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_kernels_are_bit_exact(compiler, tmp_path):
    """What gcc makes runs under its sanitizers."""
    pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    is_gcc = compiler == "gcc"
    model, samples = random_layers(30 if is_gcc else 10, seed=5)
    source = generate(model, Options("model", targets.load("rv32imc-zve32x")))
    program = build_host(source.write(tmp_path), compiler=compiler, sanitize=is_gcc, flags=["-O1"])
    assert_same_outputs(program.run(samples), run_micro(write_model(model), samples))


def test_every_kernel_computes_some_of_the_random_operators():
    layout = plan(random_layers(30, seed=5)[0].main, "channels")
    found = Counter(call.kernel for call in calls_of(layout))
    assert {kernel: found[kernel] for kernel, least in LEAST.items() if found[kernel] < least} == {}
    taken = [
        call.operands[0].byte_size - call.output.byte_size
        for call in calls_of(layout)
        if layout.place(call.operands[0]) == layout.place(call.output)
    ]
    assert min(np.sum(np.sign(taken) == sign) for sign in (-1, 0, 1)) > 5


@pytest.mark.parametrize("channels", [1, 2, 3, 8, 16, 17, 31, 32, 33, 70])
def test_packing_keeps_every_weight(channels):
    rng = np.random.default_rng(channels)
    for depth in (1, 3, 32, 40):
        weights = rng.integers(-128, 128, (channels, depth)).astype(np.int8)
        groups, taps = channel_packing.groups(weights), channel_packing.taps(weights.T)
        np.testing.assert_array_equal(channel_packing.from_groups(groups, channels, depth), weights)
        assert groups.size == weights.size
        np.testing.assert_array_equal(channel_packing.from_taps(taps, channels), weights.T)


def test_weights_have_the_order_that_kernels_document():
    weights = np.arange(35 * 2).reshape(35, 2)
    groups = channel_packing.groups(weights)
    assert groups[:3].tolist() == [0, 2, 4] and groups[32] == 1  # the next depth
    assert groups[64:].tolist() == [64, 66, 68, 65, 67, 69]
    taps = channel_packing.taps(np.array([[1, 2], [3, 4]]))
    assert taps.shape == (1, 2, 32)
    assert taps[0, :, :4].tolist() == [[1, 2, 1, 2], [3, 4, 3, 4]]
    assert channel_packing.taps(np.ones((1, 33)))[1].sum() == 1
