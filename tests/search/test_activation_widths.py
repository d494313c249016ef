"""Widths of activations by budget: within real arenas, as good as all combinations show."""

from __future__ import annotations

import itertools
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

import tfedge
from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import ActivationScheme, LayerScheme, Scheme, WeightScheme, get
from tfedge_converters.cli import main
from tfedge_converters.export import export_keras
from tfedge_converters.graph import TensorType
from tfedge_converters.ptq.noise import decibels, noise
from tfedge_converters.search.result import ArenaPoint, arena_front
from tfedge_converters.verify.engines import run_litert

# Kernels for any core take little scratch memory: activations of 8 bits have the smaller arena.
CORE = "host"
SAMPLES = np.random.default_rng(2).normal(size=(24, 12, 12, 3)).astype(np.float32)
BOTH = (8, 16)
EIGHT = LayerScheme(activations=ActivationScheme(bits=8))
BYTES_IN = Scheme("bytes in", overrides={"image": EIGHT})


def _residual():
    """Few activations, of very different sizes, and one that is read twice."""
    keras.utils.set_random_seed(8)
    x = image = keras.Input((12, 12, 3), batch_size=1, name="image")
    x = split = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="seen")(x)
    x = layers.Conv2D(8, 3, padding="same", name="branch")(x)
    x = layers.Add(name="sum")([split, x])
    x = layers.GlobalAveragePooling2D(name="means")(x)
    x = layers.Dense(6, name="scores")(x)
    return keras.Model(image, x)


@pytest.fixture(scope="module")
def network():
    return export_keras(_residual())


@pytest.fixture(scope="module")
def arenas(network):
    """Of activations of 8 bits, and of 16."""
    return [_converted(network, scheme).source.plan.arena_bytes for scheme in ("int8", "int16x8")]


def _converted(network, scheme, target=CORE, samples=SAMPLES, **options):
    return tfedge.convert(
        network, target=target, quantization=scheme, calibration=samples, name="model", **options
    )


def _search(network, samples=SAMPLES, target=CORE, activation_bits=BOTH, bits=(8,), **budget):
    return tfedge.search_widths(
        network, calibration=samples, target=target, activation_bits=activation_bits, bits=bits,
        **budget,
    )  # fmt: skip


def _noise(network, scheme, samples=SAMPLES):
    """Of the file in LiteRT, against the float model."""
    ends = {"input_type": "float32", "output_type": "float32"}
    made = _converted(network, scheme, "tflite", samples, **ends).flatbuffer
    real, found = (
        np.concatenate([y for (y,) in run_litert(content, [[x[None]] for x in samples])])
        for content in (network, made)
    )
    return noise(real, found)


def _every_choice(network, groups):
    """All combinations of widths of groups: their arenas and their measured noises."""
    for widths in itertools.product(BOTH, repeat=len(groups)):
        overrides = {
            name: LayerScheme(activations=ActivationScheme(bits=bits))
            for group, bits in zip(groups, widths, strict=True)
            for name in group.names
        }
        scheme = Scheme("tried", overrides=overrides)
        arena = _converted(network, scheme).source.plan.arena_bytes
        yield arena, _noise(network, scheme)


def test_as_good_as_all_combinations_within_their_arenas(network, arenas):
    """Of choices within the budget none is better by more than what noises have in common."""
    narrow, wide = arenas
    free = [group for group in _search(network).activations if group.names != ("image",)]
    assert len(free) == 5
    every = list(_every_choice(network, free))
    levels = []
    for ram in np.linspace(narrow, wide, 3).astype(int):
        found = _search(network, ram=int(ram), quantization=BYTES_IN)
        artifact = _converted(network, found.scheme)
        assert found.arena == artifact.source.plan.arena_bytes <= ram
        best = decibels(min(noise for arena, noise in every if arena <= ram))
        levels.append(decibels(_noise(network, found.scheme)))
        assert levels[-1] > best - 0.5
        assert decibels(found.noise) == pytest.approx(levels[-1], abs=0.3)
    # More RAM never costs accuracy, but for what the model of noise leaves out.
    assert all(more > less - 0.3 for less, more in itertools.pairwise(levels))
    assert levels[-1] > levels[0] + 3
    assert levels[0] >= decibels(_noise(network, "int8")) - 0.1


def test_generated_c_computes_what_was_found(network, arenas, tmp_path):
    """Bit by bit, on this computer and on a core."""
    narrow, wide = arenas
    found = _search(network, ram=(narrow + wide) // 2)
    assert {group.bits for group in found.activations} == {8, 16}
    artifact = _converted(network, found.scheme)
    types = {tensor.type for tensor in artifact.model.main.tensors()}
    assert {TensorType.INT8, TensorType.INT16} <= types
    artifact.save(tmp_path)
    result = tfedge.verify(
        tmp_path / "model.tflite", samples=10, engines=("tflite-micro", "c", "qemu:cortex-m3")
    )
    assert result.passed, str(result)


def test_reasons_and_fronts_tell_of_bytes_and_decibels(network, arenas):
    narrow, wide = arenas
    found = _search(network, ram=(narrow + wide) // 2)
    chosen = [group.reason for group in found.activations if group.bits == 16]
    refused = [group.reason for group in found.activations if group.bits == 8]
    assert all(reason.startswith("8 bits would leave") and "dB" in reason for reason in chosen)
    assert any("but would need an arena of" in reason for reason in refused)
    sizes = [point.arena for point in found.arena_front]
    noises = [point.noise for point in found.arena_front]
    assert sizes == sorted(sizes) and noises == sorted(noises, reverse=True)
    assert sizes[0] == narrow and sizes[-1] > found.arena
    assert f"arena {found.arena:,}" in found.verdict() and "activations alone" in found.verdict()
    tables = (found.table(), found.front_table(), found.activation_table(), found.arena_table())
    assert tables[2].row_count == len(found.activations)
    assert tables[3].row_count == len(found.arena_front)
    widths = {layer.activation_bits for layer in found.layers}
    assert widths <= {group.bits for group in found.activations}


def test_the_front_holds_what_nothing_beats():
    points = [
        ArenaPoint(40, 3.0, ()), ArenaPoint(50, 3.5, ("a",)), ArenaPoint(60, 1.0, ("a", "b")),
        ArenaPoint(60, 2.0, ("b",)), ArenaPoint(70, 1.0, ("a", "b", "c")),
    ]  # fmt: skip
    assert arena_front(points) == (points[0], points[2])


def test_flash_and_bit_operations_limit_widening_too(network):
    """Wide activations cost operations, biases of 64 bits, and weights that are packed no more."""
    narrow = _search(network, target="tflite", activation_bits=None, bits=(4, 8))
    wide = _search(network, target="tflite", bits=(4, 8))
    assert narrow.arena is wide.arena is None and not wide.arena_front
    budget = (narrow.bit_operations + wide.bit_operations) // 2
    found = _search(network, target="tflite", bits=(4, 8), bit_operations=budget)
    assert found.bit_operations <= budget
    assert found.noise < narrow.noise
    found = _search(network, target="tflite", bits=(4, 8), flash=narrow.flash + 300)
    artifact = _converted(network, found.scheme, "tflite")
    assert len(artifact.flatbuffer) == found.flash <= narrow.flash + 300
    assert found.noise < narrow.noise


def test_four_bits_beside_sixteen_are_eight(network):
    """Nothing packs them there, so that they take the bits and the bytes of eight."""
    eight = _search(network, target="tflite", activation_bits=(16,), bits=(8,))
    four = _search(network, target="tflite", activation_bits=(16,), bits=(4,))
    assert (four.bit_operations, four.flash) == (eight.bit_operations, eight.flash)
    assert four.noise == eight.noise


def test_no_one_width_is_left_out(network):
    """Where only one width is given there is nothing to search."""
    found = _search(network, activation_bits=(16,))
    assert not found.activations
    assert {layer.activation_bits for layer in found.layers} == {16}
    assert _converted(network, found.scheme).flatbuffer == _converted(network, "int16x8").flatbuffer


def test_what_the_scheme_asks_for_stays(network):
    """Ends that firmware knows as bytes, and a layer's weights."""
    scheme = Scheme("pinned", overrides={"image": EIGHT, "scores": EIGHT})
    free = _search(network)
    found = _search(network, quantization=scheme)
    ends = [*_converted(network, found.scheme).model.main.inputs,
            *_converted(network, found.scheme).model.main.outputs]  # fmt: skip
    assert {tensor.type for tensor in ends} == {TensorType.INT8}
    bound = [group for group in found.activations if "asks for this width" in group.reason]
    assert len(bound) == 2
    assert free.noise < found.noise


def test_what_has_no_wide_kernel_stays_narrow():
    keras.utils.set_random_seed(3)
    x = image = keras.Input((6, 6, 2), batch_size=1)
    x = layers.ELU()(layers.Conv2D(4, 3)(x))
    x = layers.Dense(3)(layers.Flatten()(layers.Conv2D(4, 3)(x)))
    network = export_keras(keras.Model(image, x))
    samples = np.random.default_rng(1).normal(size=(16, 6, 6, 2)).astype(np.float32)
    found = _search(network, samples)
    (bound,) = [group for group in found.activations if group.reason.startswith("no kernel")]
    assert bound.bits == 8 and "elu" in bound.names[0].lower()
    assert {group.bits for group in found.activations} == {8, 16}


@pytest.mark.parametrize("target", ["tflite", CORE])
def test_what_cannot_be_converted_or_measured_wide_stays_narrow(target):
    """LiteRT has an LSTM of bytes alone."""
    keras.utils.set_random_seed(3)
    x = signal = keras.Input((6, 4), batch_size=1)
    x = layers.Dense(3)(layers.LSTM(5)(layers.Dense(4, activation="relu")(x)))
    network = export_keras(keras.Model(signal, x))
    samples = np.random.default_rng(1).normal(size=(16, 6, 4)).astype(np.float32)
    found = _search(network, samples, target=target)
    (bound,) = [group for group in found.activations if "LiteRT does not compute" in group.reason]
    assert bound.bits == 8


def test_scores_are_heard_through_the_softmax(network):
    """Scores of 16 bits help no one who reads probabilities of 8."""
    keras.utils.set_random_seed(5)
    x = image = keras.Input((12, 12, 3), batch_size=1)
    x = layers.Dense(6, name="scores")(layers.Flatten()(layers.Conv2D(4, 3, strides=3)(x)))
    network = export_keras(keras.Model(image, layers.Softmax(name="likely")(x)))
    pinned = _search(network, quantization=Scheme("pinned", overrides={"likely": EIGHT}))
    scores = next(group for group in pinned.activations if "scores" in group.names[0])
    free = _search(network)
    heard = next(group for group in free.activations if "scores" in group.names[0])
    assert heard.bits == 16 and decibels(heard.noise) > decibels(scores.noise) + 20
    assert free.noise < pinned.noise


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ram": 500}, r"arena needs [\d,]+ bytes of RAM with activations of 8 bits .* is 500"),
        ({"activation_bits": (8, 12)}, "activations have 8 or 16 bits, not 12"),
        ({"activation_bits": ()}, "give at least one width that activations may have"),
        ({"bits": ()}, "give at least one width that weights may have"),
        ({"ram": 9_000, "target": "tflite"}, "leave ram out, or choose a core or a board"),
        ({"bit_operations": 9}, r"bit operations of 9 \(the least possible is [\d,]+\)"),
    ],
)
def test_what_cannot_be_is_told_in_words(network, arguments, message):
    with pytest.raises(TfedgeError, match=message):
        _search(network, **arguments)


def test_the_command_line_writes_widths_of_activations(network, arenas, tmp_path):
    (tmp_path / "net.tflite").write_bytes(network)
    np.savez(tmp_path / "x.npz", x=SAMPLES)
    ram = sum(arenas) // 2
    script = (
        "from tfedge_converters.cli import main\n"
        f"assert main(['search', 'net.tflite', '--calibration', 'x.npz', '--target', '{CORE}',\n"
        f"    '--ram', '{ram}', '--activation-bits', '8,16', '--output', 'scheme.json']) == 0\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "arena bytes" in result.stdout
    scheme = get(str(tmp_path / "scheme.json"))
    assert any(
        layer.activations is not None and layer.activations.bits == 16
        for layer in scheme.overrides.values()
        if not isinstance(layer, WeightScheme)
    )
    arena = _converted(network, scheme).source.plan.arena_bytes
    assert arena <= ram and f"arena {arena:,}" in result.stdout


def test_the_command_line_refuses_what_are_no_widths(capsys):
    with pytest.raises(SystemExit):
        main(["search", "x", "--calibration", "y", "--activation-bits", "eight"])
    assert "'eight' is no list of widths such as 8,16" in capsys.readouterr().err
