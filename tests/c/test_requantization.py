"""Which way sums are requantised, and which sums and addresses are refused."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_builder import SAME, Builder
from random_extreme_sums import OPERATORS
from random_graphs import random_batch

from tfedge.errors import UnsupportedError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.c.arrays import Constant
from tfedge_converters.c.kernels.requantization import is_narrow

HOST = Options("model", targets.load("host"))


@pytest.mark.parametrize(
    ("bias", "shift", "weights", "narrow"),
    [
        ((1 << 30) - 129, -1, [[-1]], 1),
        ((1 << 30) - 128, -1, [[1]], 0),
        (-(1 << 30) + 129, -31, [[1]], 1),
        (-(1 << 30), -31, [[0]], 0),
        (0, 0, [[1]], 0),
        (0, -1, [[1, -1], [127, -127]], 1),
    ],
)
def test_the_short_way_is_for_small_sums_and_shifts_to_the_right(bias, shift, weights, narrow):
    channels = len(weights)
    values = [np.full(channels, value, np.int32) for value in (bias, shift)]
    constants = [Constant(name, v, "") for name, v in zip(("bias", "shift"), values, strict=True)]
    assert is_narrow(*constants, np.array(weights)) == narrow


def test_one_channel_that_cannot_take_the_short_way_is_enough():
    shifts = Constant("shift", np.array([-3, 1], np.int32), "")
    biases = Constant("bias", np.array([5, 5], np.int32), "")
    assert is_narrow(biases, shifts, np.ones((2, 4))) == 0


def test_extreme_sums_go_either_way():
    text = generate(random_batch(list(OPERATORS), 1, 24), HOST).files["model.c"]
    for way in (".narrow = 0", ".narrow = 1"):
        assert text.count(way) > 10


@pytest.mark.parametrize(("dilation", "fits"), [(27_890, True), (27_891, False)])
def test_taps_too_far_outside_the_input_are_refused(dilation, fits):
    """Offsets of the 3 x 3 taps, in an image of 4 x 400 x 64, are below 2^31 or not."""
    b = Builder(np.random.default_rng(0))
    source = b.input((1, 4, 400, 64))
    weights = b.weights((1, 3, 3, 64), 3, per_channel=True)
    options = schema.DepthwiseConv2DOptionsT()
    options.padding, options.depthMultiplier = SAME, 1
    options.strideH = options.strideW = 1
    options.dilationHFactor = options.dilationWFactor = dilation
    inputs = [source, weights, b.bias(source, weights)]
    grid = b.quantization()
    b.output("DEPTHWISE_CONV_2D", inputs, source.shape, grid, options, 3)
    if fits:
        assert generate(b.model(), HOST).arena_bytes > 0
    else:
        with pytest.raises(UnsupportedError, match="reach too far outside the input"):
            generate(b.model(), HOST)
