"""How near estimated instructions come to counted ones, and what is done with them."""

from __future__ import annotations

import shutil

import pytest
from random_graphs import OPERATORS, random_model

from tfedge.errors import MissingToolError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.c.instructions import instruction_estimate
from tfedge_converters.c.sharing import every_call, no_call
from tfedge_converters.c.summary import summary_lines
from tfedge_converters.execute import build_firmware
from tfedge_converters.graph import read_file
from tfedge_converters.verify.samples import random_samples

# Of layers below, code between them shows.
LEAST = 1000


def _calls(source):
    return [call for layer in source.plan.layers for call in layer.lowered.calls]


@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="QEMU is not installed")
@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no cross compiler")
@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("kws", "cortex-m4"),
        ("ic", "cortex-m55"),
        ("kws", "cortex-m3"),
        ("kws", "rv32imc-zve32x"),
    ],
)
def test_estimates_are_near_what_qemu_counts(model_file, name, core, tmp_path):
    model = read_file(model_file(f"mlperf_tiny/{name}_int8.tflite"))
    source = generate(model, Options("net", targets.load(core), "speed"))
    layers = source.plan.layers
    try:
        firmware = build_firmware(source.write(tmp_path), core, num_layers=len(layers))
        result = firmware.run(random_samples(model.main, 1, seed=0))
    except MissingToolError as error:
        pytest.skip(str(error))
    assert source.instructions.count == pytest.approx(result.instructions[0], rel=0.05)
    for layer, estimate, counted in zip(
        layers, source.instructions.layers, result.layer_instructions[0], strict=True
    ):
        assert counted < LEAST or estimate == pytest.approx(counted, rel=0.1), layer.name


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55", "rv32imc-zve32x"])
def test_every_kernel_has_an_estimate(core):
    """As many factors as counts, whatever the parameters."""
    for name in OPERATORS:
        calls = _calls(generate(random_model(name, 3, 1), Options("net", targets.load(core))))
        for chosen in (every_call, no_call):
            estimate = instruction_estimate([calls], chosen(calls, core), core)
            assert estimate.count > 0 or not calls, name


def test_cores_that_were_not_measured_have_none():
    source = generate(random_model("conv_2d", 1, 2), Options("net", targets.load("host")))
    assert source.instructions is None


def test_summary_tells_what_is_estimated():
    model = random_model("conv_2d", 1, 2)
    source = generate(model, Options("net", targets.load("cortex-m7")))
    text = "\n".join(summary_lines(source, model))
    assert (
        f"about {float(f'{source.instructions.count:.3g}'):,.0f} instructions on cortex-m7" in text
    )
    assert "typical" not in text
    rare = random_model("topk_v2", 1, 1)
    lines = summary_lines(generate(rare, Options("net", targets.load("cortex-m0"))), rare)
    assert lines[-1].endswith("typical kernels in place of topk_positions_s8, topk_values_s8")


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3"])
@pytest.mark.parametrize("name", ["ad", "ic", "kws", "vww"])
def test_no_setting_is_beaten_in_both_time_and_code(model_file, name, core):
    model = read_file(model_file(f"mlperf_tiny/{name}_int8.tflite"))
    made = [
        generate(model, Options("net", targets.load(core), optimize))
        for optimize in ("speed", "balanced", "size")
    ]
    time, code = ([of(source) for source in made] for of in (_instructions, _code))
    assert time == sorted(time)
    assert code == sorted(code, reverse=True)


def _instructions(source):
    return source.instructions.count


def _code(source):
    return source.code_bytes
