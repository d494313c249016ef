"""Folders that `tfedge convert` wrote, which `verify` takes as they lie there."""

from __future__ import annotations

import shutil
from pathlib import Path

from hostile.damage import Rng, damaged_bytes, damaged_json
from hostile.formats.compilers import damaged_text
from hostile.formats.format import Format, command
from hostile.mutations import mutant
from random_graphs import random_model

import tfedge
from tfedge_converters.graph import write_model

_TARGETS = ("host", "tflite-micro", "tflite")
_ENGINES = ("tflite-micro", "litert-reference", "c")


def _write(folder: Path) -> None:
    flatbuffer = write_model(random_model("fully_connected", 1, 1))
    for target in _TARGETS:
        tfedge.convert(flatbuffer, target=target, name="net").save(folder / target)


def _damage(sound: Path, folder: Path, rng: Rng) -> Path:
    place = folder / "net"
    shutil.copytree(sound / str(rng.choice(_TARGETS)), place)
    files = sorted(path for path in place.rglob("*") if path.is_file())
    path = files[int(rng.integers(len(files)))]
    data = path.read_bytes()
    how = rng.random()
    if how < 0.1:
        path.unlink()
    elif how < 0.15:
        shutil.copyfile(path, path.with_stem(f"{path.stem}_too"))
    elif path.suffix == ".tflite":
        path.write_bytes(mutant(data, rng)[0])
    elif path.suffix == ".json":
        path.write_bytes(damaged_json(data, rng))
    else:
        path.write_bytes(damaged_bytes(data, rng) if how < 0.4 else damaged_text(data, rng))
    return place


_ROADS = {
    "verify": lambda p: tfedge.verify(p.given, samples=2, engines=_ENGINES),
    "tfedge verify": lambda p: command("verify", p.given, "--samples", "2", "--engine", "c"),
}

FORMATS = {"written": Format(_write, _damage, _ROADS)}
