"""Folders that `tfedge convert` wrote: they are verified, loaded, measured, laid out for
boards, and written over as they lie.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from hostile.damage import Rng, damaged_bytes, damaged_json
from hostile.formats.compilers import damaged_text
from hostile.formats.format import Format, Place, command
from hostile.mutations import mutant
from random_graphs import random_model

import tfedge
from tfedge_converters.graph import write_model

_SETS = {
    "host": ("host", None),
    "tflite-micro": ("tflite-micro", None),
    "tflite": ("tflite", None),
    "plain": ("cortex-m4", None),
    "cmake": ("host", "cmake"),
    "arduino": ("cortex-m4", "arduino"),
    "zephyr": ("cortex-m4", "zephyr"),
}
_ENGINES = ("tflite-micro", "litert-reference", "c")


def _write(folder: Path) -> None:
    flatbuffer = write_model(random_model("fully_connected", 1, 1))
    (folder / "net.tflite").write_bytes(flatbuffer)
    for name, (target, package) in _SETS.items():
        tfedge.convert(flatbuffer, target=target, name="net").save(folder / name, package)


def _damage(sound: Path, folder: Path, rng: Rng) -> Path:
    place = folder / "net"
    shutil.copytree(sound / str(rng.choice(list(_SETS))), place)
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


def _load(place: Place) -> None:
    artifact = tfedge.load(place.given)
    (model_input,) = artifact.model.main.inputs
    artifact.predict(np.zeros(model_input.shape, np.float32))


def _convert_over(place: Place) -> None:
    """What is written over a damaged folder is whole, unless a file there is somebody's own."""
    command("convert", place.sound / "net.tflite", "--output", place.given)
    assert tfedge.load(place.given).name == "net"


_ROADS = {
    "verify": lambda p: tfedge.verify(p.given, samples=2, engines=_ENGINES),
    "tfedge verify": lambda p: command("verify", p.given, "--samples", "2", "--engine", "c"),
    "load": _load,
    "tfedge convert over it": _convert_over,
    "tfedge link": lambda p: command("link", p.given, "--output", p.output),
    "tfedge profile": lambda p: command("profile", p.given, "--target", "cortex-m4"),
    # Where nothing is installed that builds the sketch, that is the refusal.
    "tfedge flash": lambda p: command("flash", p.given, "--board", "nano33ble"),
}

FORMATS = {"written": Format(_write, _damage, _ROADS)}
