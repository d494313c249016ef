"""Profiles say what compiler and QEMU say, or the cost model, and which of these it was."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from random_graphs import random_model
from seeded_models import seeded_file

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.cli import main
from tfedge_converters.execute import build_firmware, toolchain
from tfedge_converters.graph import write_model
from tfedge_converters.profile.timing import Bounds, cycles
from tfedge_converters.targets.part import FlashTiming, Part, Timing
from tfedge_converters.verify.samples import random_samples


@pytest.fixture(scope="module")
def kws(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeded")
    return seeded_file("mlperf_tiny/kws_int8.tflite", folder)


@pytest.fixture(scope="module")
def folder(kws, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kws")
    tfedge.convert(kws, target="nrf52840", name="kws").save(folder)
    return folder


@pytest.fixture(scope="module")
def report(folder):
    return tfedge.profile(folder)


@pytest.fixture
def without_tools(monkeypatch):
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: None)


def _needs_tools(report):
    if report.sizes_are != "linked" or report.instructions_are != "counted":
        pytest.skip("there is no compiler or no QEMU for the core")


def test_sizes_are_those_of_the_linked_firmware(report, folder, tmp_path):
    _needs_tools(report)
    artifact = tfedge.load(folder)
    program = artifact.emission.program(tmp_path)
    firmware = build_firmware(program, "cortex-m4", flags=artifact.target.flags)
    sizes = firmware.sizes()
    run = firmware.run(random_samples(artifact.model.main, 1, seed=0))
    assert report.flash_bytes == sizes.flash_bytes
    assert report.arena_bytes + report.context_bytes == sizes.ram_bytes_static
    assert 100 < run.stack_bytes <= report.stack_bytes < 1024
    assert report.instructions == pytest.approx(run.instructions[0], rel=1e-3)


def test_layers_have_their_keras_names_and_make_the_whole(report, folder):
    names = [layer.name for layer in report.layers]
    assert names == [
        layer.name for layer in tfedge.load(folder).source.plan.layers if layer.lowered.calls
    ]
    assert sum(layer.macs for layer in report.layers) == report.macs > 2_000_000
    if report.instructions_are == "counted":
        total = sum(layer.instructions for layer in report.layers)
        assert total == pytest.approx(report.instructions, rel=0.02)


def test_without_tools_a_model_says_nearly_the_same_and_that_it_does(report, folder, without_tools):
    _needs_tools(report)
    estimate = tfedge.profile(folder)
    assert (estimate.sizes_are, estimate.instructions_are) == ("estimated", "estimated")
    assert estimate.flash_bytes == pytest.approx(report.flash_bytes, rel=0.02)
    assert estimate.instructions == pytest.approx(report.instructions, rel=0.1)
    assert (estimate.arena_bytes, estimate.context_bytes, estimate.constant_bytes) == (
        report.arena_bytes, report.context_bytes, report.constant_bytes,
    )  # fmt: skip
    assert estimate.stack_bytes is None
    assert estimate.milliseconds.low < report.milliseconds.low
    assert estimate.milliseconds.high > report.milliseconds.high
    text = str(estimate)
    for words in ("estimated, for -O2", "by the cost model", "arm-none-eabi-gcc", "not found"):
        assert words in text


def test_it_shows_itself(report, folder, capsys):
    text, page, line = str(report), report._repr_html_(), repr(report)
    for words in ("flash: ", "RAM: ", "instructions: ", "time: ", "at 64 MHz", "energy: ", "µJ"):
        assert words in text and words in page
    assert line.startswith("<Profile kws on nrf52840: flash ") and "\n" not in line
    assert main(["profile", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads(report.json())
    assert document["layers"][0]["name"] == report.layers[0].name
    low, high = document["milliseconds"]
    assert 0 < low < high and document["fits"] is True


def test_the_same_model_on_another_part(kws, folder, without_tools):
    small = tfedge.profile(folder, target="stm32f030r8")
    assert "does not fit" in str(small) and "8,192 bytes of RAM" in small.does_not_fit
    assert small.microjoules is None
    foreign = tfedge.profile(kws, target="esp32-wroom-32e")
    assert foreign.instructions is foreign.flash_bytes is foreign.cycles is None
    assert foreign.arena_bytes > 8000 and "not known for this core" in str(foreign)
    core = tfedge.profile(kws, target="cortex-m55")
    assert core.milliseconds is None and "million, without waiting" in str(core)


def test_a_float_model_needs_no_data(without_tools, tmp_path):
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 2)), keras.layers.Conv2D(4, 3, name="first")])
    made_up = tfedge.profile(model, target="cortex-m0")
    assert [layer.name for layer in made_up.layers] == ["first"]
    assert "with made-up ranges, for this report alone" in str(made_up)
    data = np.random.default_rng(0).random((8, 8, 8, 2), np.float32)
    real = tfedge.profile(model, target="cortex-m0", calibration=data)
    assert "made-up" not in str(real)
    assert real.arena_bytes == made_up.arena_bytes and real.macs == made_up.macs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "profile needs a target: a core such as 'cortex-m4'"),
        ({"target": "host"}, "profile is for devices, not for this computer"),
        ({"target": "edgetpu"}, "edgetpu does not run generated C"),
        ({"target": "esp32"}, "of this kind there are esp32-c3"),
        ({"target": "cortex-m4", "optimize": "fast"}, "optimize='fast' is unknown"),
        ({"target": "cortex-m4", "calibration": "no.npz"}, r"no\.npz"),
    ],
)
def test_mistakes_are_told_in_a_sentence(options, message):
    flatbuffer = write_model(random_model("softmax", 1, 1))
    with pytest.raises(TfedgeError, match=message) as caught:
        tfedge.profile(flatbuffer, **options)
    assert "\n" not in str(caught.value)


def test_waiting_widens_the_bounds():
    """1,000 to 2,000 instructions; 1 to 2 cycles each, 10 % refills, 4 wait states."""
    base = targets.load("cortex-m4")
    timing = Timing((1, 2), 0.1, "s")
    counted, macs = Bounds(1000, 2000), 160

    def found(wait_states, hidden_by):
        flash = FlashTiming(wait_states, 8, hidden_by)
        part = Part("v", "f", 1_000_000, "s", flash)
        return cycles(counted, macs, replace(base, timing=timing, part=part))

    assert found(0, "cache") == Bounds(1000, 4000)
    assert found(4, "cache") == Bounds(1000, 4000 + 2000 * 0.4 + 10 * 4)
    assert found(4, "prefetch") == Bounds(1000 + 400, 4000 + 800 + 40)
    assert cycles(counted, macs, replace(base, timing=None)) is None
