"""The MLPerf Tiny models: generated C against TFLite Micro, on the host and on cores in QEMU."""

from __future__ import annotations

import numpy as np
import pytest
from layouts import calls_of

from tfedge.errors import MissingToolError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute import build_firmware, build_host
from tfedge_converters.graph import read_file
from tfedge_converters.verify.engines import run_micro
from tfedge_converters.verify.samples import random_samples

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")

# Name to the arena that the largest live set takes, without scratch memory.
MODELS = {"ad": 768, "kws": 16_000, "ic": 49_152, "vww": 55_296}

# The same with it for cores whose kernels overwrite operands of other sizes.
PACKED_ARENAS = {
    "cortex-m0": {"ad": 768, "kws": 9_008, "ic": 35_552, "vww": 40_784},
    "cortex-m4": {"ad": 768, "kws": 9_008, "ic": 35_552, "vww": 40_784},
    "cortex-m55": {"ad": 768, "kws": 8_636, "ic": 34_544, "vww": 40_064},
}

# The same with bands of rows, where these make it smaller.
STREAMED_ARENAS = {
    "cortex-m4": {"ad": 768, "kws": 9_008, "ic": 19_904, "vww": 31_520},
    "cortex-m55": {"ad": 768, "kws": 8_636, "ic": 17_888, "vww": 32_320},
}

# Of one inference, rounded up: what kernels for vectors are for.
INSTRUCTIONS = {
    "cortex-m55": {"ad": 58_000, "kws": 870_000, "ic": 2_430_000, "vww": 2_470_000},
    "rv32imc-zve32x": {"ad": 56_000, "kws": 510_000, "ic": 2_380_000, "vww": 2_460_000},
}


@pytest.fixture(params=MODELS)
def model(request, model_file):
    return request.param, model_file(f"mlperf_tiny/{request.param}_int8.tflite")


def differing(outputs, right):
    return sum(
        int((a != b).sum())
        for got, expected in zip(outputs, right, strict=True)
        for a, b in zip(got, expected, strict=True)
    )


def test_host_is_bit_exact_on_a_thousand_inputs(model, tmp_path):
    name, path = model
    graph = read_file(path)
    program = generate(graph, Options(name, targets.load("host"))).write(tmp_path)
    samples = random_samples(graph.main, 1000, seed=3)
    assert differing(build_host(program).run(samples), run_micro(path.read_bytes(), samples)) == 0


@pytest.mark.parametrize(
    "core", ["cortex-m4", "cortex-m0", "cortex-m55", "rv32imc", "rv32imc-zve32x"]
)
@pytest.mark.parametrize("optimize", ["balanced"])
def test_firmware_is_bit_exact(model, core, optimize, tmp_path):
    name, path = model
    graph = read_file(path)
    source = generate(graph, Options(name, targets.load(core), optimize))
    program = source.write(tmp_path)
    samples = random_samples(graph.main, 8, seed=4)
    try:
        result = build_firmware(program, core).run(samples)
    except MissingToolError as error:
        pytest.skip(str(error))
    assert differing(result.outputs, run_micro(path.read_bytes(), samples)) == 0
    # Which values are skipped, the data decides; it hardly matters for anything else.
    skips = any("skipping" in call.kernel for call in calls_of(source.plan))
    assert np.ptp(result.instructions) < (0.1 if skips else 0.02) * max(result.instructions)
    if core in INSTRUCTIONS:
        assert max(result.instructions) < INSTRUCTIONS[core][name]


def test_arena_is_the_live_set_and_the_scratch(model):
    name, path = model
    source = generate(read_file(path), Options(name, targets.load("host")))
    scratch = max(c.scratch_bytes for layer in source.plan.layers for c in layer.lowered.calls)
    assert source.arena_bytes == source.plan.lower_bound
    assert MODELS[name] <= source.arena_bytes <= MODELS[name] + scratch


@pytest.mark.parametrize("core", PACKED_ARENAS)
def test_packed_kernels_work_in_place(model, core):
    name, path = model
    source = generate(read_file(path), Options(name, targets.load(core)))
    kernels = {call.kernel for call in calls_of(source.plan)}
    if "seeded" in str(path) and "fully_connected_s8" in kernels:
        pytest.skip("with these seeds and this processor's sums a packed kernel declines a layer")
    assert source.arena_bytes == source.plan.lower_bound == PACKED_ARENAS[core][name]


@pytest.mark.parametrize("core", STREAMED_ARENAS)
def test_bands_of_rows_make_the_arena_smaller(model, core):
    name, path = model
    source = generate(read_file(path), Options(name, targets.load(core), "ram"))
    assert source.arena_bytes == source.plan.lower_bound == STREAMED_ARENAS[core][name]
    assert bool(source.plan.streams) == (name in {"ic", "vww"})


@pytest.mark.parametrize("name", ["ic", "vww"])
def test_bands_of_rows_are_bit_exact(name, model_file, tmp_path):
    path = model_file(f"mlperf_tiny/{name}_int8.tflite")
    graph = read_file(path)
    program = generate(graph, Options(name, targets.load("cortex-m4"), "ram")).write(tmp_path)
    samples = random_samples(graph.main, 4, seed=5)
    try:
        result = build_firmware(program, "cortex-m4").run(samples)
    except MissingToolError as error:
        pytest.skip(str(error))
    assert differing(result.outputs, run_micro(path.read_bytes(), samples)) == 0
