"""Weights in forms that take less flash: bit-exact with any kernel, and no more memory."""

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
from random_graphs import random_batch, random_model
from random_stored import FORMS as DATA
from random_stored import OPERATORS

from tfedge.errors import MissingToolError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.c.kernel_call import Constant
from tfedge_converters.c.packed import int4_weights
from tfedge_converters.c.plan import plan
from tfedge_converters.c.weights import choice, entropy, forms
from tfedge_converters.c.weights.choice import Preference
from tfedge_converters.execute import build_firmware
from tfedge_converters.execute.host import build_host
from tfedge_converters.graph import Quantization, write_model
from tfedge_converters.verify.engines import run_micro

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")

# Kernels for any core, for pairs, and for lanes.
TARGETS = ("host", "cortex-m4", "cortex-m55")

# Whatever flash costs, it is worth it.
_AT_ANY_PRICE = 1.0
_ANY_ARENA = 1 << 20


@pytest.fixture
def only(monkeypatch):
    """Lets the instances of kernels have weights of one form, and cuts that are asked for."""

    def choose(form, cut=lambda tiles, bands: True):
        cuts = choice._cuts
        preference = Preference([form], _AT_ANY_PRICE, _ANY_ARENA)
        monkeypatch.setitem(choice.PREFERENCES, "shared", preference)
        monkeypatch.setattr(choice, "_LEAST_SAVING", 1)
        monkeypatch.setattr(choice, "bytes_of_tiling", lambda tiling: 0)
        monkeypatch.setattr(choice, "reader_functions", lambda form: ())
        monkeypatch.setattr(choice, "_TILE_BYTES", range(16, 2000))
        monkeypatch.setattr(
            choice, "_cuts", lambda *args: (one for one in cuts(*args) if cut(*one))
        )

    return choose


def tilings(layout):
    return [call.tiling for call in calls_of(layout) if call.tiling is not None]


def planned(model, target, preference):
    target = targets.load(target)
    return plan(model.main, target.packing, weights=(target.core, preference))


@pytest.mark.parametrize("values", [8, 40, 4096])
@pytest.mark.parametrize("tiles", [1, 3])
@pytest.mark.parametrize("form", forms.FORMS)
def test_weights_come_back(form, tiles, values):
    rng = np.random.default_rng([tiles, values])
    for make in DATA.values():
        data = make(rng, rng.integers(-128, 128, (tiles, values)).astype(np.int8))
        stored = forms.stored(form, data, are_words=False)
        if stored is not None:
            np.testing.assert_array_equal(forms.restored(stored, tiles, values), data)


@pytest.mark.parametrize("form", forms.FORMS)
def test_weights_that_are_all_zero_make_no_empty_array(form):
    nothing = np.zeros((2, 16), np.int8)
    stored = forms.stored(form, nothing, are_words=False)
    if stored is not None:
        arrays = [one for one in stored.params.values() if isinstance(one, Constant)]
        assert all(one.values.size for one in arrays)
        np.testing.assert_array_equal(forms.restored(stored, 2, 16), nothing)


def test_each_form_takes_what_it_promises():
    rng = np.random.default_rng(0)
    data = {name: make(rng, np.zeros((1, 4096), np.int8) + 1) for name, make in DATA.items()}
    data["shared"] = rng.choice(np.arange(-8, 8, dtype=np.int8) * 15, (1, 4096))
    sparse = np.where(rng.random((1, 4096)) < 0.8, 0, rng.integers(-127, 128, (1, 4096)))
    taken = {
        "int4": forms.stored("int4", data["int4"], are_words=False),
        "shared": forms.stored("shared", data["shared"], are_words=False),
        "sparse": forms.stored("sparse", sparse.astype(np.int8), are_words=False),
    }
    assert taken["int4"].bytes == 2048
    assert taken["shared"].bytes == 2048 + 16
    assert taken["sparse"].bytes == pytest.approx(4096 * (1 / 8 + 0.2), rel=0.05)


def test_an_entropy_coder_takes_what_the_frequencies_call_for():
    rng = np.random.default_rng(0)
    data = rng.choice(np.arange(5, dtype=np.int8), 100_000, p=[0.8, 0.1, 0.05, 0.04, 0.01])
    coded = entropy.encode(data)
    share = np.bincount(data) / data.size
    bits = -(share * np.log2(share)).sum()
    assert coded.stream.size * 8 == pytest.approx(bits * data.size, rel=0.01)
    np.testing.assert_array_equal(entropy.decode(coded, data.size), data)


def test_values_without_an_order_are_not_looked_for_one_by_one():
    data = np.random.default_rng(0).integers(-128, 128, 10_000).astype(np.int8)
    assert entropy.encode(data) is None


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("form", forms.FORMS)
def test_stored_weights_are_bit_exact_under_the_sanitizers(form, target, only, tmp_path):
    only(form, cut=lambda tiles, bands: bands == 1)
    layout = planned(random_batch(list(OPERATORS), 1, 8), target, choice.PREFERENCES["shared"])
    found = tilings(layout)
    assert {tiling.stored.form for tiling in found} == {form}
    differing = mismatches(
        list(OPERATORS), "shared", tmp_path, seed=1, instances=8, samples=10, target=target
    )
    assert differing == []


@pytest.mark.parametrize("target", TARGETS)
def test_bands_of_rows_are_bit_exact(target, only, tmp_path):
    only("shared", cut=lambda tiles, bands: bands > 1)
    model = random_model("stored_pixels", 1, 20)
    bands = [
        tiling.bands for tiling in tilings(planned(model, target, choice.PREFERENCES["shared"]))
    ]
    # Kernels for any core do not overwrite what they read.
    assert (len(bands) > 3) == (target != "host")
    assert {band.backwards for band in bands} == ({True, False} if bands else set())
    differing = mismatches(
        ["stored_pixels"], "shared", tmp_path, seed=1, instances=20, samples=5, target=target
    )
    assert differing == []


def test_tiles_of_all_kinds_were_among_them(only):
    only("shared")
    found = Counter()
    for target in TARGETS:
        model = random_batch(list(OPERATORS), 1, 8)
        for tiling in tilings(planned(model, target, choice.PREFERENCES["shared"])):
            found["whole"] += tiling.tiles == 1
            found["tiles"] += tiling.tiles > 1
            found["results"] += tiling.results_bytes > 0
            found["words"] += tiling.are_words
    assert len(found) == 4 and min(found.values()) >= 3, found


@pytest.mark.parametrize("target", TARGETS)
def test_the_arena_does_not_grow(target):
    stored_somewhere = 0
    for name in OPERATORS:
        for seed in range(6):
            model = random_model(name, seed, 1)
            dense = planned(model, target, Preference((), 0.0))
            stored = planned(model, target, Preference(("int4", "sparse"), _AT_ANY_PRICE))
            assert not tilings(dense)
            assert stored.lower_bound <= dense.lower_bound
            grown = planned(model, target, Preference(("int4", "sparse"), _AT_ANY_PRICE, 2000))
            assert grown.lower_bound <= dense.lower_bound + 2000
            stored_somewhere += len(tilings(grown)) > 0
    assert stored_somewhere > 3


def compact(layout):
    return Counter(call.kernel for call in calls_of(layout) if call.form)


# Which random operators' weights kernels read in the form that they are stored in.
COMPACT = {
    "stored_conv_2d": {"conv_2d_blocks_s8", "conv_2d_int4_s8"},
    "stored_pixels": {"matmul_blocks_s8", "matmul_int4_s8"},
    "stored_dense": {"fully_connected_blocks_s8", "fully_connected_int4_s8"},
}


def _prefer(monkeypatch, wanted):
    """Let weights be stored as candidates that are wanted have them, whatever that saves."""
    candidates = choice._candidates
    monkeypatch.setattr(
        choice,
        "_candidates",
        lambda *args: (replace(one, saved=1 << 20) for one in candidates(*args) if wanted(one)),
    )


def test_kernels_of_compact_weights_are_bit_exact_under_the_sanitizers(monkeypatch, tmp_path):
    _prefer(monkeypatch, lambda one: one.call.form)
    names = list(COMPACT)
    layout = planned(random_batch(names, 2, 40), "cortex-m4", choice.PREFERENCES["shared"])
    found = compact(layout)
    assert set(found) == set().union(*COMPACT.values()) and min(found.values()) >= 3, found
    differing = mismatches(
        names, "shared", tmp_path, seed=2, instances=40, samples=10, target="cortex-m4"
    )
    assert differing == []


def test_weights_of_four_bits_come_back():
    rng = np.random.default_rng(0)
    weights = rng.integers(-8, 8, (6, 12)).astype(np.int8)
    words = int4_weights.four_channels_a_half(weights)
    assert words.shape == (2, 3, 2)
    np.testing.assert_array_equal(int4_weights.from_four_channels_a_half(words)[:6], weights)


@pytest.mark.parametrize("core", [None, "cortex-m4"])
def test_long_rows_of_the_largest_numbers_do_not_overflow(core, monkeypatch, tmp_path):
    """Sums of products with halves of 16 bits stay within 32 bits for 508 values and no more."""
    _prefer(monkeypatch, lambda one: one.call.kernel == "fully_connected_int4_s8")
    model = _long_rows()
    assert set(compact(planned(model, "cortex-m4", choice.PREFERENCES["shared"]))) == {
        "fully_connected_int4_s8"
    }
    program = generate(model, Options("net", targets.load("cortex-m4"), "shared")).write(tmp_path)
    samples = [[np.full((1, 1024), value, np.int8)] for value in (-128, 127, 0)]
    expected = run_micro(write_model(model), samples)
    if core is None:
        outputs = build_host(program, sanitize=True, flags=["-O0"]).run(samples)
    else:
        try:
            outputs = build_firmware(program, core).run(samples).outputs
        except MissingToolError as error:
            pytest.skip(str(error))
    for got, wanted in zip(outputs, expected, strict=True):
        np.testing.assert_array_equal(got[0], wanted[0])
    assert len(np.unique(expected)) > 5


def _long_rows():
    """A dense layer of 1024 values whose channels' weights are all -8, all 7, or nearly so."""
    builder = Builder(np.random.default_rng(0))
    source = builder.input((1, 1024), Quantization.per_tensor(0.5, 0))
    weights = builder.weights((8, 1024), 0, True)
    weights.data = np.repeat(np.array([-8, 7, -8, 7, 7, -8, -7, 0], np.int8), 1024).reshape(8, -1)
    weights.data[:, 3] = 1
    grid = Quantization.per_tensor(float(weights.quantization.scale.max()) * 4096, 3)
    options = schema.FullyConnectedOptionsT()
    builder.output("FULLY_CONNECTED", [source, weights, None], (1, 8), grid, options, 4)
    return builder.model()


def test_blocks_of_zeros_make_it_faster_too():
    layout = planned(_sparse_network(), "cortex-m4", choice.PREFERENCES["speed"])
    assert set(compact(layout)) == {"conv_2d_blocks_s8", "matmul_blocks_s8"}


def _sparse_network():
    """Two convolutions, of 3x3 and of 1x1, with three of four blocks 0."""
    builder = Builder(np.random.default_rng(0))
    for kernel in (3, 1):
        source = builder.input((1, 8, 8, 32))
        weights = builder.weights((32, kernel, kernel, 32), 0, True)
        kept = builder.rng.random((32, kernel, kernel, 8)) < 0.25
        weights.data = np.where(np.repeat(kept, 4, axis=-1), weights.data, 0).astype(np.int8)
        options = schema.Conv2DOptionsT()
        options.strideH = options.strideW = 1
        options.padding = SAME
        operands = [source, weights, builder.bias(source, weights, 32)]
        grid = builder.sums(source, weights, kernel * kernel * 32)
        builder.output("CONV_2D", operands, (1, 8, 8, 32), grid, options, 3)
    return builder.model()


def test_speed_is_not_given_away():
    model = random_model("stored_dense", 1, 20)
    assert not tilings(planned(model, "cortex-m4", choice.PREFERENCES["speed"]))


def test_generated_code_says_how_weights_are_stored():
    source = generate(
        random_model("stored_conv_2d", 1, 8), Options("net", targets.load("cortex-m4"), "size")
    )
    assert "/* Weights: int4" in source.files["net.c"]
    assert "tfedge_int4_weights.c" in source.files


def test_clang_makes_the_same_of_it(only, tmp_path, monkeypatch):
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed")
    monkeypatch.setenv("CC", "clang")
    only("sparse")
    assert mismatches(["stored_conv_2d"], "shared", tmp_path, seed=2, instances=8, samples=4) == []
