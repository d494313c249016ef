"""Widths of weights by budget: solved exactly, and kept by real artifacts."""

from __future__ import annotations

import itertools
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers
from model_files import float_model
from seeded_models.mlperf_tiny import inputs_for

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters.export import export_keras
from tfedge_converters.graph import write_model
from tfedge_converters.ptq.noise import decibels
from tfedge_converters.search.costs import Choice
from tfedge_converters.search.program import frontier, solve
from tfedge_converters.search.result import LayerWidth

SAMPLES = np.random.default_rng(2).normal(size=(16, 12, 12, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def network():
    """Layers of very different sizes; the last is small and matters most."""
    keras.utils.set_random_seed(8)
    x = image = keras.Input((12, 12, 3), batch_size=1)
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    x = layers.Conv2D(24, 1, activation="relu")(x)
    x = layers.Conv2D(24, 3, activation="relu")(x)
    x = layers.Dense(6)(layers.GlobalAveragePooling2D()(x))
    return export_keras(keras.Model(image, x))


def _size(network, scheme):
    artifact = tfedge.convert(
        network, target="tflite", quantization=scheme, calibration=SAMPLES, name="model"
    )
    return len(artifact.flatbuffer)


def _search(network, **budget):
    return tfedge.search_widths(network, calibration=SAMPLES, target="tflite", **budget)


def _random_choices(rng, layers, widths):
    return [
        [
            Choice(str(layer), bits, int(rng.integers(1, 40)), int(rng.integers(1, 40)),
                   float(rng.random()))
            for bits in range(widths)
        ]
        for layer in range(layers)
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_the_program_is_solved_exactly(seed):
    """Against all combinations, with either budget, both, or none."""
    rng = np.random.default_rng(seed)
    choices = _random_choices(rng, layers=5, widths=4)
    every = [
        (sum(c.noise for c in combination), sum(c.flash for c in combination),
         sum(c.operations for c in combination))
        for combination in itertools.product(*choices)
    ]  # fmt: skip
    for flash, operations in itertools.product((None, 70, 90), (None, 60, 80)):
        allowed = [
            noise
            for noise, bytes_, count in every
            if (flash is None or bytes_ <= flash) and (operations is None or count <= operations)
        ]
        found = solve(choices, flash, operations)
        assert (found is None) == (not allowed)
        if found is not None:
            assert found.noise == pytest.approx(min(allowed), abs=1e-12)
            picked = [options[i] for options, i in zip(choices, found.chosen, strict=True)]
            assert sum(choice.flash for choice in picked) == found.flash
            assert sum(choice.operations for choice in picked) == found.operations
    front = frontier(choices)
    for point in front:
        best = min(noise for noise, bytes_, _ in every if bytes_ <= point.flash)
        assert point.noise == pytest.approx(best, abs=1e-12)


def test_the_budget_holds_on_the_real_file(network):
    small, large = _size(network, "int4"), _size(network, "int8")
    budgets = np.linspace(small + 100, large, 4).astype(int)
    found = [_search(network, flash=int(budget)) for budget in budgets]
    for search, budget in zip(found, budgets, strict=True):
        assert _size(network, search.scheme) == search.flash <= budget
        assert "bytes" in search.verdict()
    noises = [search.noise for search in found]
    assert noises[0] > noises[-1]
    assert {layer.bits for layer in found[-1].layers} == {8}
    assert {layer.bits for layer in found[0].layers} == {4, 8}
    # Noises of layers add up but for what they have in common.
    assert decibels(found[0].noise) == pytest.approx(decibels(found[0].predicted_noise), abs=4)
    sizes = [point.flash for point in found[0].front]
    assert sizes == sorted(sizes)
    assert len(sizes) > 4


def test_better_than_one_width_at_equal_cost(model_file):
    """ResNet-8 at the bit operations of uniform 4 bits, and with 2 % more flash than that takes."""
    flatbuffer = write_model(float_model(model_file, "ic"))
    arguments = {"calibration": inputs_for("ic", 12), "target": "tflite"}
    uniform = tfedge.search_widths(flatbuffer, bits=(4,), **arguments)
    budget = uniform.bit_operations
    mixed = tfedge.search_widths(flatbuffer, bit_operations=budget, bits=(3, 4, 5, 8), **arguments)
    assert mixed.bit_operations <= budget
    assert decibels(mixed.noise) > decibels(uniform.noise) + 0.5
    budget = uniform.flash * 51 // 50
    larger = tfedge.search_widths(flatbuffer, flash=budget, bits=(4, 8), **arguments)
    assert larger.flash <= budget
    assert decibels(larger.noise) > decibels(uniform.noise) + 0.5


def test_the_arena_of_generated_c(network):
    search = tfedge.search_widths(network, calibration=SAMPLES, ram=20_000, bits=(8,))
    artifact = tfedge.convert(network, quantization=search.scheme, calibration=SAMPLES)
    assert search.arena == artifact.source.plan.arena_bytes <= 20_000
    assert search.flash == artifact.source.weights_bytes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"flash": 500, "target": "tflite"}, r"flash bytes of 500 \(the least possible is [\d,]+"),
        ({"bit_operations": 9, "target": "tflite"}, r"bit operations of 9 \(the least possible"),
        ({"ram": 10}, r"the arena needs [\d,]+ bytes of RAM .* but the budget is 10"),
        ({"ram": 10, "target": "tflite"}, "leave ram out, or choose a core or a board"),
    ],
)
def test_impossible_budgets_are_told_in_words(network, arguments, message):
    with pytest.raises(TfedgeError, match=message):
        tfedge.search_widths(network, calibration=SAMPLES, bits=(4, 8), **arguments)


def test_the_least_possible_is_possible(network):
    with pytest.raises(TfedgeError) as refusal:
        _search(network, bit_operations=9)
    least = int(str(refusal.value).split("possible is ")[1].split(")")[0].replace(",", ""))
    assert _search(network, bit_operations=least).bit_operations == least


def test_reasons():
    wide, narrow = Choice("a", 8, 100, 800, 1e-4), Choice("a", 4, 50, 400, 1e-2)
    assert LayerWidth.of([wide, narrow], 1, 8).reason == (
        "saves 50 bytes over 8 bits at 20.0 dB instead of 40.0"
    )
    reason = LayerWidth.of([wide, narrow], 0, 8).reason
    assert reason == "4 bits would save 50 bytes, but leave 20.0 dB"


def test_the_command_line_writes_a_scheme(network, tmp_path):
    (tmp_path / "net.tflite").write_bytes(network)
    np.savez(tmp_path / "x.npz", x=SAMPLES)
    budget = str(_size(network, "int4") + 300)
    script = (
        "import sys\n"
        "from tfedge_converters.cli import main\n"
        "assert main(['search', 'net.tflite', '--calibration', 'x.npz', '--target', 'tflite',\n"
        f"    '--flash', '{budget}', '--output', 'scheme.json']) == 0\n"
        "assert main(['convert', 'net.tflite', '--calibration', 'x.npz', '--target', 'tflite',\n"
        "    '--quantization', 'scheme.json', '--output', 'made']) == 0\n"
        "print({'tensorflow', 'keras', 'tf_keras'} & set(sys.modules))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "set()"
    assert _size(network, str(tmp_path / "scheme.json")) <= int(budget)
    made = (tmp_path / "made" / "net.tflite").read_bytes()
    assert len(made) <= int(budget)


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"name": "a"}', '{"weights": {"bits": 99}}'])
def test_files_that_are_no_schemes_are_refused(network, tmp_path, content):
    (tmp_path / "scheme.json").write_text(content)
    with pytest.raises(TfedgeError, match=r"scheme.json: "):
        tfedge.convert(network, quantization=str(tmp_path / "scheme.json"))
    with pytest.raises(TfedgeError, match="cannot be read"):
        tfedge.convert(network, quantization=str(tmp_path / "none.json"))
