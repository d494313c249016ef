"""Parts are data with their sources, and a name that is none leads to those that are meant."""

from __future__ import annotations

import json

import pytest

from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.cli import main
from tfedge_converters.execute import CORES

KNOWN = [targets.load(name) for name in targets.names()]
PARTS = [target for target in KNOWN if target.part is not None]
FAMILIES = {
    "STM32F0", "STM32F1", "STM32F4", "STM32F7", "STM32H7", "STM32L4", "STM32U5", "STM32N6", "nRF52",
    "nRF53", "nRF54", "RP2040", "RP2350", "ESP32", "ESP32-S3", "ESP32-C3", "ESP32-C6",
    "i.MX RT1060", "RA8", "Apollo4", "SAMD21", "MSP432", "AVR", "CH32V003", "CH32V3",
}  # fmt: skip


def test_there_are_parts_of_every_family():
    assert {target.part.family for target in PARTS} == FAMILIES


@pytest.mark.parametrize("target", PARTS, ids=lambda target: target.name)
def test_a_part_has_a_clock_memory_and_sources(target):
    part = target.part
    assert 10e6 <= part.clock_hz <= 1e9 and part.source and part.vendor
    assert target.ram_bytes >= 2048
    assert target.flash_bytes or part.notes  # which say where code lies
    if part.current is not None:
        assert 5 < part.current.microamperes_per_megahertz < 200 and part.current.source
    if target.core:
        assert target.core in CORES and target.timing is not None
        low, high = target.timing.cycles_per_instruction
        assert 0.5 <= low < high <= 2.5 and target.timing.source
    else:
        assert target.timing is None and any("not known" in note for note in part.notes)


def test_what_a_core_has_is_a_fact_of_its_parts():
    extensions = {target.name: target.extensions for target in KNOWN}
    assert extensions["stm32f103c8"] == extensions["rp2040"] == ()
    assert extensions["nrf52840"] == extensions["stm32h743zi"] == ("FPU", "DSP")
    assert extensions["stm32n657x0"] == extensions["ra8m1"] == ("FPU", "DSP", "MVE")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("esp32", "of this kind there are esp32-c3, esp32-c6, esp32-s3, esp32-wroom-32e "),
        ("stm32f4", "stm32f401re, stm32f407vg, stm32f411re, stm32f429zi, stm32f446re "),
        ("STM32F103C8T6", r"did you mean 'stm32f103c8'\?"),
        ("stm32f469ni", 'of the family STM32F4 .*; others: a file with "extends": "cortex-m4"'),
        ("rp2350b", r"did you mean 'rp2350'\?"),
        ("cortex-m4f", r"did you mean 'cortex-m4'\?"),
        ("cortexm7", r"did you mean 'cortex-m7'\?"),
        ("tflite-micr", r"did you mean 'tflite-micro'\?"),
        ("nano33ble", r"'nano33ble' is a board, .* choose 'nrf52840'"),
        ("mps2-an386", r"is a board, .* choose 'cortex-m4'"),
        ("zzz", "there are .*cortex-m0, .* and parts of the families AVR, Apollo4"),
        ("", "there are .*cortex-m0, "),
        ("\x1b[2J", "there is no target '"),
    ],
)
def test_families_and_near_names_are_proposed(name, words):
    with pytest.raises(TfedgeError, match=words) as caught:
        targets.load(name)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


PART = {"vendor": "v", "family": "f", "clock_hz": 1000, "source": "s"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"part": {**PART, "clock_hz": 0}}, "part.clock_hz: a number of hertz is expected, not 0"),
        ({"part": {"vendor": "v"}}, "part: 'clock_hz' is missing"),
        ({"part": {**PART, "colour": 1}}, "part: there is no 'colour' here"),
        ({"part": {**PART, "flash": {"wait_states": 1}}}, "part.flash: 'hidden_by' is missing"),
        ({"part": {**PART, "notes": "n"}}, "part.notes: a list of sentences"),
        (
            {"timing": {"cycles_per_instruction": [1, 2]}},
            "timing: 'refills_per_instruction' is missing",
        ),
        (
            {
                "timing": {
                    "cycles_per_instruction": [2, 1],
                    "refills_per_instruction": 0,
                    "source": "s",
                }
            },
            "timing.cycles_per_instruction: the least, 2, is more than the most, 1",
        ),
        ({"extensions": ["GPU"]}, r'extensions\[0\]: one of "FPU"'),
    ],
)
def test_mistakes_in_a_part_are_named(tmp_path, fields, message):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"description": "d", "core": "", "flags": [], **fields}))
    with pytest.raises(TfedgeError, match=message):
        targets.load(path)


def test_a_board_of_ones_own_is_the_part_that_it_extends(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"extends": "nrf52840", "part": {"clock_hz": 32_000_000}}))
    mine, chip = targets.load(path), targets.load("nrf52840")
    assert mine.part.clock_hz == 32_000_000 and mine.part.current == chip.part.current


def test_the_command_line_tells_of_one_and_lists_families(capsys):
    assert main(["targets", "esp32"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "esp32-c3", "esp32-c6", "esp32-s3", "esp32-wroom-32e",
    ]  # fmt: skip
    assert main(["targets", "stm32f407vg"]) == 0
    told = capsys.readouterr().out
    for words in (
        "168 MHz",
        "FPU, DSP",
        "5 wait states of flash, behind a cache",
        "DS8626; RM0090",
        "note",
    ):
        assert words in told
    assert main(["targets", "nothing"]) == 2
