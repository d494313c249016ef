"""What shares memory in the arena, and where it is fullest."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder

from tfedge.errors import UnsupportedError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.c.memory import Buffer, peak, place
from tfedge_converters.c.plan import plan
from tfedge_converters.graph import Quantization

BYTES = 1024


def _arena(*, keeps_input):
    b = Builder(np.random.default_rng(0))
    grid = b.quantization()
    source = b.input((1, 16, 16, 4), grid)
    x = b.output("RELU", [source], source.shape, grid)
    x = b.output("RELU6", [x], source.shape, grid)
    if keeps_input:
        x = b.output("ADD", [x, source], source.shape, grid, schema.AddOptionsT())
    b.outputs[:] = [x]
    return generate(b.model(), Options("model", targets.load("host"))).arena_bytes


def test_element_wise_layers_work_in_place_where_nobody_needs_their_operand():
    assert _arena(keeps_input=False) == BYTES
    assert _arena(keeps_input=True) == 2 * BYTES


def test_the_peak_is_the_first_of_the_fullest_steps():
    assert peak([Buffer(10, 2, 2), Buffer(4, 0, 0), Buffer(10, 5, 6)]) == (10, 2)
    assert peak([Buffer(10, 1, 3), Buffer(10, 3, 4), Buffer(20, 6, 6)], 16) == (32, 3)


def test_an_arena_ends_where_int32_does():
    """Offsets in it are added as int32_t."""
    largest = (1 << 30) - 4  # of two tensors

    def planned(size):
        b = Builder(np.random.default_rng(0))
        grid = b.quantization()
        source = b.input((1, size), grid)
        x = b.output("ABS", [source], source.shape, grid)
        b.output("MUL", [x, source], source.shape, grid, schema.MulOptionsT())
        return plan(b.model().main, targets.load("host").packing)

    assert planned(largest).arena_bytes == 2 * largest
    with pytest.raises(UnsupportedError, match="the arena would need 2147483648 bytes"):
        planned(largest + 4)


def test_buffers_without_bytes_take_none():
    assert place([Buffer(0, 0, 1), Buffer(0, 2, 3)], 16).size == 0


def test_outputs_last_to_the_end():
    b = Builder(np.random.default_rng(0))
    x = b.input((1, 16, 16, 4), b.quantization())
    for code in ("RELU", "RELU6", "RELU"):
        x = b.output(code, [x], x.shape, x.quantization)
    source = generate(b.model(), Options("model", targets.load("host")))
    assert source.arena_bytes == 3 * BYTES


def test_small_results_do_not_keep_large_memory():
    """A narrow result of a wide operand lives through the next wide one, for a residual sum."""
    b = Builder(np.random.default_rng(0))
    grid = Quantization.per_tensor(0.1, 0)
    wide, narrow = 64, 8

    def pointwise(x, channels):
        weights = b.weights((channels, 1, 1, x.shape[3]), 0, per_channel=True)
        options = schema.Conv2DOptionsT()
        options.strideH = options.strideW = 1
        options.dilationHFactor = options.dilationWFactor = 1
        inputs = [x, weights, b.bias(x, weights)]
        return b.output("CONV_2D", inputs, (1, 16, 16, channels), grid, options, 3)

    source = b.input((1, 16, 16, narrow), grid)
    before = pointwise(pointwise(source, wide), narrow)
    after = pointwise(pointwise(before, wide), narrow)
    options = schema.AddOptionsT()
    b.outputs[:] = [b.output("ADD", [before, after], before.shape, grid, options)]
    layout = plan(b.model().main, "pairs")
    assert layout.arena_bytes < 1.5 * 16 * 16 * wide
