"""A program that would overrun its target's memory is refused by what was compiled for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from random_graphs import random_model

from tfedge.errors import MissingToolError
from tfedge_converters import targets
from tfedge_converters.c import Options, fit, generate
from tfedge_converters.c.summary import summary_lines
from tfedge_converters.execute import build_firmware
from tfedge_converters.execute.stack_bound import stack_bound


@pytest.fixture(scope="module")
def model():
    return random_model("conv_2d", 1, 2)


def _missing(*arguments, **options):
    raise MissingToolError("no compiler")


def test_the_stack_counts_where_it_decides(model, tmp_path, monkeypatch):
    core = targets.load("cortex-m4")
    source = generate(model, Options("model", core))
    try:
        stack = stack_bound(source.write(tmp_path), "cortex-m4", [*core.flags, "-Os"])
    except MissingToolError as error:
        pytest.skip(str(error))
    needed = source.arena_bytes + source.state_bytes + stack
    assert 50 < stack < 1024
    assert not fit.shortage(source, replace(core, ram_bytes=needed))
    words = fit.shortage(source, replace(core, ram_bytes=needed - 1))
    assert f"its stack up to {stack:,}, but cortex-m4 has {needed - 1:,} bytes of RAM" in words
    with pytest.raises(fit.ShortageError, match="its stack up to"):
        generate(model, Options("model", replace(core, ram_bytes=needed - 1, packing="natural")))
    monkeypatch.setattr(fit, "stack_bound", _missing)
    assert not fit.shortage(source, replace(core, ram_bytes=needed - 1))
    assert fit.shortage(source, replace(core, ram_bytes=source.arena_bytes - 1))


def test_flash_is_what_is_linked_for_the_target(model, tmp_path, monkeypatch):
    core = targets.load("cortex-m0plus")
    source = generate(model, Options("model", core))
    try:
        firmware = build_firmware(source.write(tmp_path), core.core, flags=[*core.flags, "-Os"])
    except MissingToolError as error:
        pytest.skip(str(error))
    flash = firmware.sizes().flash_bytes
    assert not fit.shortage(source, replace(core, flash_bytes=flash))
    code = flash - source.weights_bytes
    assert f"{code:,} for code (linked)" in fit.shortage(
        source, replace(core, flash_bytes=flash - 1)
    )
    monkeypatch.setattr(fit, "build_firmware", _missing)
    words = fit.shortage(source, replace(core, flash_bytes=source.weights_bytes))
    assert f"{source.code_bytes:,} for code (about, as estimated" in words


def test_no_word_of_the_code_of_another_core(model):
    """The summary says whose code an estimate is."""
    for target, words in (
        ("cortex-m0", "on cortex-m0 (estimated, at -O2)"),
        ("cortex-m55", "on cortex-m55 (estimated, at -O2)"),
        ("esp32-wroom-32e", "on cortex-m3 (this core's is not known)"),
    ):
        source = generate(model, Options("model", targets.load(target)))
        assert any(words in line for line in summary_lines(source, model))
