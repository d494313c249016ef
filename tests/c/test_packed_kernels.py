"""Kernels with packed weights: bit-exact on this machine, where portable C reads the same words."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from kernel_comparison import mismatches
from layouts import calls_of
from random_builder import SAME, Builder
from random_graphs import random_model, random_sample
from random_packed import OPERATORS

from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate, packing
from tfedge_converters.c.plan import plan
from tfedge_converters.execute.host import build_host
from tfedge_converters.graph import Quantization, write_model
from tfedge_converters.verify.engines import run_micro

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")

PAIRS = targets.load("cortex-m4")
# Where the stack, which a compiler tells, does not count.
_WITHOUT_COMPILER = replace(PAIRS, core="")

# Which kernels the random operators are for; others are what a packing leaves to natural ones.
KERNELS = {
    "packed_conv_2d": "conv_2d_pairs_s8",
    "packed_pixels": "matmul_pairs_s8",
    "packed_depthwise": "depthwise_conv_2d_planes_s8",
    "packed_dense": "fully_connected_pairs_s8",
    "packed_add": "add_fours_s8",
    "packed_average_pool": "average_pool_2d_fours_s8",
}


@pytest.mark.parametrize(
    ("name", "target"),
    [
        *((name, "cortex-m4") for name in OPERATORS),
        ("packed_skipping_dense", "rv32imc"),
        ("packed_dense", "rv32imc"),
    ],
)
def test_packed_kernel_is_bit_exact_under_the_sanitizers(name, target, tmp_path):
    differing = mismatches(
        [name], "shared", tmp_path, seed=1, instances=40, samples=30, target=target
    )
    assert differing == []


def test_most_dense_layers_of_eights_skip_values():
    calls = calls_of(plan(random_model("packed_skipping_dense", 1, 40).main, "skipping"))
    skipping = [call for call in calls if call.kernel == "fully_connected_skipping_s8"]
    assert len(skipping) >= 30
    assert {call.params["exact"] for call in skipping} == {0, 1}
    assert {call.params["channels"] % packing.EIGHT for call in skipping} == {0, 7}
    zero_points = Counter(call.params["zero_point"] for call in skipping)
    assert len(zero_points) > 3 and zero_points[-128] > 10


@pytest.mark.parametrize(
    ("channels", "rows", "kernel"),
    [
        (8, 1, "fully_connected_skipping_s8"),
        (8, 2, "fully_connected_skipping_s8"),
        (8, 4, "matmul_pairs_s8"),
        # Filled up to eights, a layer computes channels for nothing.
        (7, 1, "fully_connected_pairs_s8"),
        (31, 1, "fully_connected_pairs_s8"),
        (39, 1, "fully_connected_skipping_s8"),
    ],
)
def test_values_are_skipped_where_few_channels_are_filled_up(channels, rows, kernel):
    builder = Builder(np.random.default_rng(0))
    source = builder.input((rows, 8), Quantization.per_tensor(0.1, 3))
    weights = builder.weights((channels, 8), 0, True)
    options = schema.FullyConnectedOptionsT()
    operands = [source, weights, builder.bias(source, weights)]
    grid = builder.sums(source, weights, 8)
    builder.output("FULLY_CONNECTED", operands, (rows, channels), grid, options, 4)
    model = builder.model()
    assert calls_of(plan(model.main, "skipping"))[0].kernel == kernel
    assert "skipping" not in calls_of(plan(model.main, "pairs"))[0].kernel


@pytest.mark.parametrize("name", KERNELS)
def test_most_random_operators_are_computed_by_the_packed_kernel(name):
    calls = calls_of(plan(random_model(name, 1, 40).main, "pairs"))
    assert Counter(call.kernel for call in calls)[KERNELS[name]] >= 24
    forms = {params["exact"] for params in map(_with_sums, calls) if "exact" in params}
    assert forms in (set(), {0, 1})


def _with_sums(call):
    return call.params.get("product", call.params)


def test_another_compiler_makes_the_same_of_it(tmp_path):
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed")
    builder = Builder(np.random.default_rng(3))
    for make in OPERATORS.values():
        for _ in range(8):
            make(builder)
    model = builder.model()
    rng = np.random.default_rng(4)
    samples = [random_sample(model, rng) for _ in range(10)]
    program = generate(model, Options("model", PAIRS, "speed")).write(tmp_path)
    got = build_host(program, compiler="clang").run(samples)
    for a, b in zip(got, run_micro(write_model(model), samples), strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


def test_results_lie_where_operands_of_other_sizes_did():
    layouts = [plan(random_model("packed_network", seed, 2).main, "pairs") for seed in range(30)]
    taken = [
        (call.operands[0].byte_size, call.output.byte_size)
        for layout in layouts
        for call in calls_of(layout)
        if layout.place(call.operands[0]) == layout.place(call.output)
    ]
    assert len([1 for before, after in taken if before < after]) > 5
    assert len([1 for before, after in taken if before > after]) > 5
    assert len([1 for before, after in taken if before == after]) > 5


def test_an_output_of_the_model_is_not_overwritten():
    builder = Builder(np.random.default_rng(0))
    source = builder.input((1, 4, 4, 8))
    for _ in range(2):
        weights = builder.weights((8, 1, 1, 8), 0, True)
        options = schema.Conv2DOptionsT()
        options.strideH = options.strideW = 1
        operands = [source, weights, builder.bias(source, weights)]
        grid = Quantization.per_tensor(0.5, -128)
        source = builder.output("CONV_2D", operands, (1, 4, 4, 8), grid, options, 3)
    layout = plan(builder.model().main, "pairs")
    first, second = calls_of(layout)
    assert layout.place(first.operands[0]) == layout.place(first.output)
    assert layout.place(second.operands[0]) != layout.place(second.output)


def convolution(**changes):
    """The kernel of a 3x3 convolution that is packed unless something is changed."""
    builder = Builder(np.random.default_rng(0))
    source = builder.input((1, 6, 6, 4), Quantization.per_tensor(0.1, 3))
    channels = changes.get("channels", 4)
    weights = builder.weights((channels, 3, 3, 4), 0, True)
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = 1
    options.padding = SAME
    options.dilationHFactor = options.dilationWFactor = changes.get("dilation", 1)
    options.fusedActivationFunction = changes.get("activation", 0)
    scale = source.quantization.scale[0] * weights.quantization.scale
    bias = np.full(channels, changes.get("bias", 0))
    bias_grid = Quantization(scale, np.zeros(channels, np.int64), 0)
    operands = [source, weights, builder.constant(bias.astype(np.int32), bias_grid)]
    grid = Quantization.per_tensor(changes.get("scale", 0.1), changes.get("zero_point", 5))
    builder.output("CONV_2D", operands, (1, 6, 6, channels), grid, options, 3)
    return calls_of(plan(builder.model().main, "pairs"))[0].kernel


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": 5},
        {"dilation": 2},
        {"activation": schema.ActivationFunctionType.RELU},
        {"scale": 1e-4},
    ],
    ids=lambda changes: ", ".join(changes),
)
def test_what_a_packed_kernel_cannot_compute_stays_with_the_natural_one(changes):
    assert convolution() == "conv_2d_pairs_s8"
    assert convolution(**changes) == "conv_2d_s8"


def test_a_board_without_room_for_scratch_memory_gets_natural_kernels():
    model = random_model("packed_conv_2d", 3, 1)
    arenas = [plan(model.main, name).arena_bytes for name in ("natural", "pairs")]
    assert arenas[0] < arenas[1]
    for ram, chosen in zip(arenas, ("conv_2d_s8", "conv_2d_pairs_s8"), strict=True):
        board = replace(_WITHOUT_COMPILER, ram_bytes=ram)
        source = generate(model, Options("model", board))
        assert [call.kernel for call in calls_of(source.plan)] == [chosen]
    with pytest.raises(TfedgeError, match=f"the arena needs {arenas[0]:,} bytes"):
        generate(model, Options("model", replace(_WITHOUT_COMPILER, ram_bytes=arenas[0] - 1)))


def test_other_targets_have_natural_kernels_alone():
    model = random_model("packed_network", 1, 4)
    natural = replace(PAIRS, packing="natural")
    sources = [
        generate(model, Options("model", target)).files
        for target in (natural, targets.load("host"))
    ]
    assert not any("pairs" in name for source in sources for name in source)
    assert sources[0].keys() == sources[1].keys()


@pytest.mark.parametrize("seed", range(3))
def test_packing_keeps_every_weight(seed):
    rng = np.random.default_rng(seed)
    channels, depth = 2 * int(rng.integers(1, 9)), int(rng.integers(1, 30))
    weights = rng.integers(-128, 128, (channels, depth)).astype(np.int8)
    for pack, unpack in (
        (packing.pairs, packing.from_pairs),
        (packing.fours, packing.from_fours),
        (packing.eights, packing.from_eights),
    ):
        found = unpack(pack(weights))
        np.testing.assert_array_equal(found[:channels, :depth], weights)
        assert not found[channels:].any() and not found[:, depth:].any()
    nines = rng.integers(-128, 128, (channels, 9)).astype(np.int8)
    np.testing.assert_array_equal(packing.from_nines(packing.nines(nines)), nines)


def test_words_have_the_order_that_kernels_document():
    weights = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.int8)
    assert [f"{word:08x}" for word in packing.pairs(weights)[0]] == ["07030501", "08040602"]
    assert [f"{word:08x}" for word in packing.fours(weights)[0, 0]] == [
        *("04030201", "08070605"),
        *("00000000", "00000000"),
    ]
    assert packing.eights(weights)[0, :, :3].tolist() == [[k, 4 + k, 0] for k in range(1, 5)]
    nine = np.arange(9, dtype=np.int8)[None]
    assert [f"{word:08x}" for word in packing.nines(nine)[0]] == [
        "04030100",
        "06050302",
        "08070504",
    ]


def test_where_packed_kernels_do_not_fit_those_for_any_core_are_chosen():
    model = random_model("packed_depthwise", 1, 1)
    packed, natural = (
        generate(model, Options("net", replace(_WITHOUT_COMPILER, packing=name)))
        for name in ("pairs", "natural")
    )
    assert packed.arena_bytes > natural.arena_bytes
    for ram, right in ((packed.arena_bytes, packed), (packed.arena_bytes - 1, natural)):
        found = generate(model, Options("net", replace(_WITHOUT_COMPILER, ram_bytes=ram)))
        assert found.files == right.files and found.plan.packing == right.plan.packing
    small = replace(_WITHOUT_COMPILER, ram_bytes=natural.arena_bytes - 1)
    with pytest.raises(TfedgeError, match=f"the arena needs {natural.arena_bytes:,} bytes"):
        generate(model, Options("net", small))
