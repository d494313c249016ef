"""What compilers of vendors print and leave; programs stand for them and leave damaged things.

The one of the Edge TPU is not to be had, and Vela takes a second for what is not looked at here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgetpu.compiler_outputs import PRINTED, TABLE
from hostile.bases import float_twin
from hostile.damage import Rng, chosen, damaged_bytes
from hostile.formats import compiled
from hostile.formats.format import Format, Place, command
from random_graphs import random_model

import tfedge
from tfedge_converters import targets
from tfedge_converters.edgetpu.compiler import VARIABLE
from tfedge_converters.edgetpu.compiler_log import parse_log
from tfedge_converters.ethosu import vela
from tfedge_converters.graph import write_model

_TARGET = "ethos-u55-128"
_NUMBERS = (
    *("", "-1", "0", "nan", "inf", "1e400", "x", "9" * 30, "9" * 5000, "1.2.3", "0x10", "1_0"),
    *("²", "\u0661", ",", '"', "\n", "\0", "-"),
)


def damaged_text(data: bytes, rng: Rng) -> bytes:
    """A text with other numbers or words, lines less, twice or in another order; or other bytes."""
    if rng.random() < 0.3:
        return damaged_bytes(data, rng)
    text = data.decode()
    for _ in range(int(rng.integers(1, 4))):
        how = rng.random()
        words = list(re.finditer(r"\d[\d.]*" if how < 0.4 else r"\w+", text))
        lines = text.splitlines(keepends=True)
        if how < 0.6 and words:
            word = chosen(rng, words)
            text = text[: word.start()] + str(chosen(rng, _NUMBERS)) + text[word.end() :]
        elif lines:
            at = int(rng.integers(len(lines)))
            lines[at : at + 1] = chosen(rng, ([], [lines[at]] * 2, [lines[-1]], [lines[at] * 2000]))
            text = "".join(lines)
    return text.encode("utf-8", "replace")


def _write_logs(folder: Path) -> None:
    model = random_model("conv_2d", 1, 1)
    (folder / "integer.tflite").write_bytes(write_model(model))
    (folder / "compiled.tflite").write_bytes(compiled.compiled_file(model))
    (folder / "printed.txt").write_text(PRINTED)
    (folder / "log.txt").write_text(TABLE)


def _damage_log(sound: Path, folder: Path, rng: Rng) -> Path:
    """A program that prints one text, and leaves another and a file."""
    printed, log = ((sound / name).read_bytes() for name in ("printed.txt", "log.txt"))
    left = (sound / "compiled.tflite").read_bytes()
    if rng.random() < 0.7:
        printed = damaged_text(printed, rng)
    else:
        log = damaged_text(log, rng)
    for name, content in (("printed", printed), ("log", log), ("left", left)):
        (folder / name).write_bytes(content)
    program = folder / "edgetpu_compiler"
    program.write_text(
        f'#!/bin/sh\ncat "{folder}/printed"\n'
        f'cp "{folder}/left" "$5/integer_edgetpu.tflite"\n'
        f'cp "{folder}/log" "$5/integer_edgetpu.log"\n'
    )
    program.chmod(0o755)
    return program


def _parse(place: Place) -> None:
    for name in ("printed", "log"):
        text = (place.given.parent / name).read_text("utf-8", "replace")
        parse_log(text).counts()


def _compile(place: Place) -> None:
    with _environment(VARIABLE, str(place.given)):
        command("check", place.sound / "integer.tflite", "--compile", place.output)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


_LOG_ROADS = {"parse": _parse, "tfedge check --compile": _compile}

# Takes Vela's options, for a model that there is, and leaves what lies beside it.
_VELA = """\
import shutil, sys
from pathlib import Path

if not Path(sys.argv[1]).exists():
    sys.exit(f"{sys.argv[1]} is missing")
sound = Path(__file__).parent
output = sys.argv[sys.argv.index("--output-dir") + 1]
for file in (sound / "left").iterdir():
    shutil.copy(file, output)
sys.stdout.buffer.write((sound / "printed.txt").read_bytes())
"""


def _write_estimates(folder: Path) -> None:
    model = random_model("conv_2d", 1, 1)
    (folder / "integer.tflite").write_bytes(write_model(model))
    (folder / "float.tflite").write_bytes(write_model(float_twin(model)))
    made = vela.compile_model(write_model(model), targets.load(_TARGET))
    (folder / "model_vela.tflite").write_bytes(made.flatbuffer)
    (folder / "model_summary_x.csv").write_text(made.summary_csv)
    (folder / "model_per-layer.csv").write_text(made.layers_csv)
    (folder / "printed.txt").write_text(made.log)


_LEFT = ("model_summary_x.csv", "model_per-layer.csv", "model_vela.tflite", "printed.txt")


def _damage_estimates(sound: Path, folder: Path, rng: Rng) -> Path:
    """A package that runs in place of Vela."""
    package = folder / "ethosu" / "vela"
    (package / "left").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(_VELA)
    damaged = chosen(rng, (*_LEFT, *_LEFT[:2]))
    for name in _LEFT:
        data = (sound / name).read_bytes()
        if name == damaged:
            data = damaged_bytes(data, rng) if name.endswith(".tflite") else damaged_text(data, rng)
        ((package if name == "printed.txt" else package / "left") / name).write_bytes(data)
    return folder


def _convert(place: Place) -> None:
    with _environment("PYTHONPATH", _path(place)):
        tfedge.convert(place.sound / "integer.tflite", target=_TARGET).save(place.output)


def _command(place: Place) -> None:
    with _environment("PYTHONPATH", _path(place)):
        command(
            "convert", place.sound / "integer.tflite", "--target", _TARGET, "--output", place.output
        )


def _path(place: Place) -> str:
    return os.pathsep.join([str(place.given), os.environ.get("PYTHONPATH", "")])


_ESTIMATE_ROADS = {"convert": _convert, "tfedge convert": _command}

FORMATS = {
    "compiler_logs": Format(_write_logs, _damage_log, _LOG_ROADS),
    "estimates": Format(_write_estimates, _damage_estimates, _ESTIMATE_ROADS),
}
