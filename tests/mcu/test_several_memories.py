"""Generated C that is spread over several memories, on cores in QEMU that have them."""

from __future__ import annotations

import json
import subprocess

import pytest

from tfedge.errors import MissingToolError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.execute import build_firmware
from tfedge_converters.graph import read_file
from tfedge_converters.verify.engines import run_micro
from tfedge_converters.verify.samples import random_samples

pytest.importorskip("tflite_micro", reason="TFLite Micro's interpreter is missing")

QSPI = {"name": "qspi", "kind": "flash", "bytes": 1 << 20, "wait_states": 8, "section": ".qspi"}

# Of each core's machine: a model, and how it is optimised; RAMs; how much flash is left for
# constants and code; and where the machine has each section.
BOARDS = {
    "cortex-m4": (
        ("kws", "balanced"),
        [
            {"name": "sram", "kind": "ram", "bytes": 6000},
            {
                "name": "psram",
                "kind": "ram",
                "bytes": 1 << 20,
                "wait_states": 4,
                "section": ".psram",
            },
        ],
        30_000,
        {"sram": 0x2000_0000, "psram": 0x2100_0000, "qspi": 0x2180_0000},
    ),
    "cortex-m55": (
        ("ic", "ram"),
        [
            {"name": "dtcm", "kind": "ram", "bytes": 3000, "section": ".dtcm"},
            {"name": "sram", "kind": "ram", "bytes": 1 << 20, "wait_states": 2, "section": ".sram"},
        ],
        30_000,
        {"dtcm": 0x2000_0000, "sram": 0x2100_0000, "qspi": 0x6200_0000},
    ),
}


@pytest.mark.parametrize("core", BOARDS)
def test_everything_lies_where_the_plan_says_and_the_numbers_stay(core, model_file, tmp_path):
    (name, optimize), rams, room, bases = BOARDS[core]
    flash = {"name": "flash", "kind": "flash", "bytes": room, "wait_states": 1}
    board = tmp_path / "board.json"
    fields = {"extends": core, "description": "a board", "memories": [*rams, flash, QSPI]}
    board.write_text(json.dumps(fields))
    path = model_file(f"mlperf_tiny/{name}_int8.tflite")
    graph = read_file(path)
    source = generate(graph, Options(name, targets.load(board), optimize))
    samples = random_samples(graph.main, 3, seed=4)
    try:
        firmware = build_firmware(source.write(tmp_path / "c"), core)
        result = firmware.run(samples)
    except MissingToolError as error:
        pytest.skip(str(error))
    right = run_micro(path.read_bytes(), samples)
    assert all(
        (a == b).all()
        for got, expected in zip(result.outputs, right, strict=True)
        for a, b in zip(got, expected, strict=True)
    )
    addresses = _addresses(firmware.elf)
    assert len(source.plan.arenas) == len(rams)
    for arena in source.plan.arenas:
        base, symbol = bases[arena.memory.name], f"harness_arena_{arena.memory.name}"
        assert base <= addresses[symbol] < base + (1 << 24)
    by_memory = {constant.memory for constant in source.constants}
    assert by_memory == {"flash", "qspi"}
    for constant in source.constants:
        assert (addresses[constant.name] >= bases["qspi"]) == (constant.memory == "qspi")
    sizes = firmware.sizes()
    assert sizes.rodata_bytes >= source.weights_bytes
    assert sizes.ram_bytes_static >= source.arena_bytes


def _addresses(elf):
    listing = subprocess.run(
        ["arm-none-eabi-nm", elf], check=True, capture_output=True, text=True
    ).stdout
    fields = (line.split() for line in listing.splitlines())
    return {field[-1]: int(field[0], 16) for field in fields if len(field) == 3}
