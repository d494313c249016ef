"""What shares memory in the arena, and where it is fullest."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from random_builder import Builder

from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.c.memory import Buffer, peak, place

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


def test_buffers_without_bytes_take_none():
    assert place([Buffer(0, 0, 1), Buffer(0, 2, 3)], 16).size == 0


def test_outputs_last_to_the_end():
    b = Builder(np.random.default_rng(0))
    x = b.input((1, 16, 16, 4), b.quantization())
    for code in ("RELU", "RELU6", "RELU"):
        x = b.output(code, [x], x.shape, x.quantization)
    source = generate(b.model(), Options("model", targets.load("host")))
    assert source.arena_bytes == 3 * BYTES
