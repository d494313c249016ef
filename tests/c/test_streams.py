"""Layers that are computed together, in bands of rows, so that the arena becomes smaller."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st
from random_builder import SAME, Builder
from random_graphs import random_sample
from random_packed import weighted
from random_streams import network, streams_at_random
from static_checks.models import wide_between_narrow

from tfedge.errors import MissingToolError
from tfedge_converters import targets
from tfedge_converters.c import OPTIMIZATIONS, Options, generate
from tfedge_converters.c.memory_plan import read_memory_plan
from tfedge_converters.c.plan import plan
from tfedge_converters.c.row_bands import Rows, banded_layer
from tfedge_converters.c.row_schedule import INPUT, Stage, schedule
from tfedge_converters.execute import build_firmware, build_host
from tfedge_converters.graph import Quantization, write_model
from tfedge_converters.verify.engines import run_micro

GRID = Quantization.per_tensor(0.1, 0)


@st.composite
def chains(draw):
    """Stages of which each reads the one before, and some another one of the same height too."""
    height, stages, heights = draw(st.integers(1, 20)), [], [draw(st.integers(1, 20))]
    heights = [height]
    for index in range(draw(st.integers(1, 6))):
        extent, stride = draw(st.integers(1, 5)), draw(st.integers(1, 3))
        before = heights[-1]
        sources = [index - 1]
        equal = [i - 1 for i, h in enumerate(heights[:-1]) if h == before]
        if equal and draw(st.booleans()):
            sources.append(draw(st.sampled_from(equal)))
            extent = stride = 1
        pad = min(draw(st.integers(0, 2)), extent - 1)
        out = max(1, (before + 2 * pad - extent) // stride + 1)
        if (out - 1) * stride - pad >= before:
            out = before
            extent = stride = 1
            pad = 0
        rows = Rows(before, out, extent, stride, pad)
        stages.append(Stage(rows, tuple(sources), draw(st.integers(1, 3))))
        heights.append(out)
    return stages


@given(chains())
@settings(max_examples=300, deadline=None)
def test_rows_are_computed_once_and_kept_as_long_as_they_are_needed(stages):
    found = schedule(stages)
    begins, ends = [0] * len(stages), [0] * len(stages)
    lead = []
    for turn in found.turns:
        stage = stages[turn.stage]
        for source in stage.sources:
            first, last = stage.rows.seen(turn.first, turn.last)
            if source != INPUT and first < last:
                assert begins[source] <= first
                assert last <= ends[source]
        assert turn.first == ends[turn.stage] < turn.last <= stage.rows.output_height
        begins[turn.stage] += turn.dropped
        ends[turn.stage] = turn.last
        assert ends[turn.stage] - begins[turn.stage] <= found.capacities[turn.stage]
        if turn.stage == len(stages) - 1:
            readers = [i for i, s in enumerate(stages) if INPUT in s.sources]
            needed = [
                stages[i].rows.oldest(turn.first if i == turn.stage else ends[i]) for i in readers
            ]
            lead.append((turn.last, min(needed)))
    assert ends[-1] == stages[-1].rows.output_height
    assert begins[-1] == 0
    assert tuple(lead) == found.lead


def test_a_chain_of_windows_keeps_no_more_rows_than_they_see():
    rows = Rows(32, 32, extent=3, stride=1, pad_top=1)
    stages = [Stage(rows, (i - 1,), 1) for i in range(3)]
    stages.append(Stage(Rows(32, 32), (2, 0), 1))
    found = schedule(stages)
    # What the sum adds is no older than what windows still see.
    assert found.capacities == (3, 3, 1, 32)
    assert len(found.turns) == 4 * 32


@pytest.fixture(scope="module")
def networks():
    """Random ones side by side, samples, and what TFLite Micro makes of them."""
    b = Builder(np.random.default_rng(4))
    for _ in range(6):
        network(b)
    model, rng = b.model(), np.random.default_rng(5)
    samples = [random_sample(model, rng) for _ in range(2)]
    return model, samples, run_micro(write_model(model), samples)


def _streamed(networks, target):
    made = []
    with streams_at_random(np.random.default_rng(6), made):
        source = generate(networks[0], Options("model", target, "ram"))
    assert sum(len(stream.layers) for stream in made) > 8
    assert max(stream.call.operand_begins for stream in made) > 0
    return source


def _compare(outputs, right):
    for got, expected in zip(outputs, right, strict=True):
        assert all((a == b).all() for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize("packing", ["natural", "pairs", "lanes"])
def test_random_streams_are_bit_exact(networks, packing, tmp_path):
    target = dataclasses.replace(targets.load("host"), packing=packing)
    program = _streamed(networks, target).write(tmp_path)
    host = build_host(program, sanitize=True, flags=["-O0"])
    _compare(host.run(networks[1]), networks[2])


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
def test_random_streams_are_bit_exact_on_cores(networks, core, tmp_path):
    program = _streamed(networks, targets.load(core)).write(tmp_path)
    try:
        result = build_firmware(program, core).run(networks[1])
    except MissingToolError as error:
        pytest.skip(str(error))
    _compare(result.outputs, networks[2])


def test_only_ram_streams_and_only_where_the_arena_is_fullest(tmp_path):
    model = wide_between_narrow()
    arenas = {
        optimize: generate(model, Options("model", targets.load("cortex-m4"), optimize))
        for optimize in OPTIMIZATIONS
    }
    assert [name for name, source in arenas.items() if source.plan.streams] == ["ram"]
    source = arenas["ram"]
    assert source.arena_bytes < 0.6 * arenas["balanced"].arena_bytes
    [stream] = source.plan.streams
    assert (stream.first, stream.last) == (0, 2)
    assert "void model_layers_0_to_2(uint8_t *arena)" in source.files["model.c"]
    assert source.plan.streams[0].call.macs == sum(layer.macs for layer in source.plan.layers)
    # Instructions are those of all bands.
    assert source.instructions.count > 0.9 * arenas["balanced"].instructions.count
    # The plan of the stream can be given back.
    (tmp_path / "plan.json").write_text(source.files["model_plan.json"])
    holds = [b["holds"] for b in json.loads(source.files["model_plan.json"])["buffers"]]
    assert ["rows of layers 0 to 2"] in holds
    given = read_memory_plan(tmp_path / "plan.json")
    options = Options("model", targets.load("cortex-m4"), "ram", memory_plan=given)
    assert generate(model, options).files == source.files


@pytest.mark.parametrize(("dilation", "extent"), [(1, 3), (2, 5), (4, 9)])
def test_a_window_sees_as_many_rows_as_its_dilation_spreads_it_over(dilation, extent):
    b = Builder(np.random.default_rng(0))
    source = b.input((1, 16, 16, 4), GRID)
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = 1
    options.dilationHFactor = options.dilationWFactor = dilation
    options.padding = SAME
    weighted(b, "CONV_2D", source, (4, 3, 3, 4), 0, source.shape, options, 3)
    graph = b.model().main
    [call] = plan(graph, "pairs").layers[0].lowered.calls
    banded = banded_layer(graph, graph.operators[0], call, "pairs")
    assert banded.rows == Rows(16, 16, extent, stride=1, pad_top=dilation)


def test_what_others_need_stays_whole():
    model = wide_between_narrow()
    inner = model.main.operators[0].outputs[0]
    model.main.outputs.append(inner)
    layout = plan(model.main, "pairs", streaming=True)
    for stream in layout.streams:
        assert inner not in [one.banded.whole.output for one in stream.layers[:-1]]


def test_networks_without_images_have_no_streams():
    b = Builder(np.random.default_rng(0))
    x = b.input((1, 64), GRID)
    b.output("RELU", [x], x.shape, GRID)
    layout = plan(b.model().main, "pairs", streaming=True)
    assert layout.streams == ()
    assert layout.arena_bytes == plan(b.model().main, "pairs").arena_bytes
