"""What gets code of its own: no choice takes more flash than speed does, by measurement."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from random_builder import SAME, Builder
from random_graphs import random_model

from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.c import OPTIMIZATIONS, Options, generate
from tfedge_converters.c.code_bytes import CODE_BYTES, INNER_BYTES
from tfedge_converters.execute import build_firmware
from tfedge_converters.graph import Quantization, read_file

TRIED = ("speed", "balanced", "size")


# Whose core's sizes the kernels of a packing have.
CORES = {"natural": "cortex-m4", "pairs": "cortex-m4", "lanes": "cortex-m55"}


def _generated(model, optimize, packing="natural"):
    target = dataclasses.replace(targets.load(CORES[packing]), packing=packing)
    return generate(model, Options("model", target, optimize))


def _linked(model, optimize, packing, folder):
    """Bytes of code and parameters in a firmware, and the source."""
    source = _generated(model, optimize, packing)
    sizes = build_firmware(source.write(folder), CORES[packing]).sizes()
    return sizes.flash_bytes - source.weights_bytes, source


def _chain(count):
    """Depthwise convolutions, one behind the other."""
    b = Builder(np.random.default_rng(0))
    grid = Quantization.per_tensor(0.1, 0)
    tensor = b.input((1, 8, 8, 8), grid)
    for _ in range(count):
        weights = b.weights((1, 3, 3, 8), 3, per_channel=True)
        options = schema.DepthwiseConv2DOptionsT()
        options.padding, options.strideH, options.strideW = SAME, 1, 1
        options.depthMultiplier = options.dilationHFactor = options.dilationWFactor = 1
        tensor = b.output(
            "DEPTHWISE_CONV_2D", [tensor, weights, b.bias(tensor, weights)], (1, 8, 8, 8), grid,
            options, 3,
        )  # fmt: skip
    b.outputs[:] = [tensor]
    return b.model()


def _code_of(model, tmp_path, packing="natural"):
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    found = {how: _linked(model, how, packing, tmp_path / how) for how in TRIED}
    for code, source in found.values():
        assert source.code_bytes == pytest.approx(code, rel=0.25, abs=100)
    return {how: code for how, (code, _) in found.items()}


NATURAL = [(name, "natural") for name in ("ad", "ic", "kws", "vww")]
# What these two have is all that has packed kernels.
PACKED = [("ad", "pairs"), ("vww", "pairs"), ("vww", "lanes")]


@pytest.mark.parametrize(("name", "packing"), [*NATURAL, *PACKED])
def test_real_networks(model_file, name, packing, tmp_path):
    model = read_file(model_file(f"mlperf_tiny/{name}_int8.tflite"))
    code = _code_of(model, tmp_path, packing)
    assert code["size"] <= code["balanced"] <= code["speed"]


def test_one_layer_has_code_of_its_own_and_many_share_it(tmp_path):
    one = _generated(_chain(1), "size")
    many = _generated(_chain(6), "size")
    assert "tfedge_depthwise_conv_2d_s8_inline(" in one.files["model.c"]
    assert "tfedge_depthwise_conv_2d_s8.c" not in one.files
    assert "tfedge_depthwise_conv_2d_s8_inline(" not in many.files["model.c"]
    assert "tfedge_depthwise_conv_2d_s8.c" in many.files
    code = _code_of(_chain(6), tmp_path)
    assert code["size"] < 0.7 * code["speed"]


def test_speed_and_shared_are_what_they_say():
    model = random_model("conv_2d", 1, 3)
    assert "tfedge_conv_2d_s8.c" not in _generated(model, "speed").files
    assert "_inline(" not in _generated(model, "shared").files["model.c"]
    assert set(TRIED) < set(OPTIMIZATIONS)


def test_the_table_is_complete_in_itself():
    for name, row in CODE_BYTES.items():
        assert row.own > 0 and row.call > 0 and row.instance > 0, name
        assert set(row.reaches) <= INNER_BYTES.keys()


@pytest.mark.parametrize("has_compiler", [True, False])
def test_code_counts_against_flash(has_compiler, monkeypatch, tmp_path):
    if has_compiler and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    if not has_compiler:
        monkeypatch.setenv("PATH", str(tmp_path))
    model = random_model("conv_2d", 1, 2)
    source = _generated(model, "balanced")
    board = dataclasses.replace(targets.load("stm32f103c8"), flash_bytes=source.weights_bytes + 400)
    how = "linked" if has_compiler else "estimated; without a compiler"
    with pytest.raises(TfedgeError, match=rf"for constants and [\d,]+ for code \(.*{how}.*yours"):
        generate(model, Options("model", board))
    room = dataclasses.replace(board, flash_bytes=source.weights_bytes + 2 * source.code_bytes)
    assert generate(model, Options("model", room)).weights_bytes == source.weights_bytes


def test_states_count_against_ram():
    model = random_model("lstm_continued", 1, 1)
    source = _generated(model, "balanced")
    assert source.state_bytes > 0
    board = dataclasses.replace(targets.load("host"), ram_bytes=source.arena_bytes)
    with pytest.raises(TfedgeError, match=f"its state {source.state_bytes:,}, but host has"):
        generate(model, Options("model", board))
