"""Schemes, targets and plans of memory, which people write or change as JSON."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
from hostile.damage import Rng, damaged_json
from hostile.formats.arrays import write_models
from hostile.formats.format import Format, Place, command

import tfedge
from tfedge.quantization.schemes import (
    SCHEMES,
    ActivationScheme,
    LayerScheme,
    Scheme,
    WeightScheme,
    write_scheme,
)

_TARGETS = (
    "cortex-m4", "stm32f103c8", "edgetpu", "ethos-u55-128", "tflite", "tflite-micro", "coral-npu",
)  # fmt: skip
_PLANNED = ("host", "stm32h743zi")
_MEMORIES = ("ram", "dtcm", "flash", "sram")
_OFFSETS = (0, 4, 64, 160, 4096, 1 << 20, 1 << 31, (1 << 40) - 4, 1 << 40)


def _write_models(folder: Path) -> None:
    np.savez(folder / "x.npz", x=write_models(folder))


def _write_schemes(folder: Path) -> None:
    _write_models(folder)
    for name in ("int8", "int16x8", "int4"):
        write_scheme(folder / f"{name}.json", SCHEMES[name])
    wide = LayerScheme(WeightScheme(bits=4), ActivationScheme(bits=16))
    mixed = Scheme("mixed", overrides={"out": wide, "x": LayerScheme(), "w": WeightScheme(bits=2)})
    write_scheme(folder / "mixed.json", mixed)


def _write_targets(folder: Path) -> None:
    _write_models(folder)
    own = {"extends": "stm32f103c8", "ram_bytes": 4096, "flags": ["-O1"]}
    (folder / "own.json").write_text(json.dumps(own))
    for name in _TARGETS:
        text = resources.files("tfedge_converters.targets").joinpath(f"{name}.json").read_bytes()
        (folder / f"{name}.json").write_bytes(text)


def _write_plans(folder: Path) -> None:
    _write_models(folder)
    for target in _PLANNED:
        tfedge.convert(folder / "integer.tflite", target=target, name="net").save(folder / target)


def _damage_plan(sound: Path, folder: Path, rng: Rng) -> Path:
    """Damages any value, or one that users change: where something lies."""
    path = folder / f"{rng.choice(_PLANNED)}.json"
    data = (sound / path.stem / "net_plan.json").read_bytes()
    if rng.random() < 0.5:
        path.write_bytes(damaged_json(data, rng))
        return path
    plan = json.loads(data)
    for _ in range(int(rng.integers(1, 3))):
        entry = plan["buffers"][int(rng.integers(len(plan["buffers"])))]
        entry["offset"] = int(rng.choice(_OFFSETS))
        if rng.random() < 0.2:
            entry["memory"] = str(rng.choice(_MEMORIES))
    path.write_text(json.dumps(plan))
    return path


def _damage(sound: Path, folder: Path, rng: Rng) -> Path:
    source = str(rng.choice(sorted(path.name for path in sound.glob("*.json"))))
    path = folder / "mine.json"
    path.write_bytes(damaged_json((sound / source).read_bytes(), rng))
    return path


def _convert(place: Place, **options: object) -> None:
    calibration = str(place.sound / "x.npz")
    tfedge.convert(place.sound / "float.tflite", calibration=calibration, **options)


def _command(place: Place, option: str) -> None:
    command(
        "convert", place.sound / "float.tflite", "--calibration", place.sound / "x.npz",
        option, place.given, "--output", place.output,
    )  # fmt: skip


_SCHEME_ROADS = {
    "convert": lambda p: _convert(p, quantization=str(p.given)),
    "calibrate": lambda p: tfedge.calibrate(
        p.sound / "float.tflite", str(p.sound / "x.npz"), quantization=str(p.given)
    ),
    "diagnose": lambda p: tfedge.diagnose(
        p.sound / "float.tflite", calibration=str(p.sound / "x.npz"), quantization=str(p.given)
    ),
    "tfedge convert": lambda p: _command(p, "--quantization"),
}

_TARGET_ROADS = {
    "convert": lambda p: _convert(p, target=p.given) if not _has_vela(p) else None,
    "check": lambda p: tfedge.check(p.sound / "float.tflite", target=p.given),
    "check an integer model": lambda p: tfedge.check(p.sound / "integer.tflite", target=p.given),
    "tfedge convert": lambda p: _command(p, "--target") if not _has_vela(p) else None,
    "tfedge check": lambda p: command(
        "check", p.sound / "integer.tflite", "--target", p.given, "--html", p.output
    ),
}


def _convert_by_plan(place: Place) -> None:
    """A plan that is accepted makes a program that computes the same."""
    command(
        "convert", place.sound / "integer.tflite", "--target", place.given.stem, "--name", "net",
        "--plan", place.given, "--output", place.output,
    )  # fmt: skip
    assert tfedge.verify(place.output, samples=2, engines=["c"]).passed


_PLAN_ROADS = {
    "convert": lambda p: tfedge.convert(
        p.sound / "integer.tflite", target=p.given.stem, name="net", memory_plan=p.given
    ),
    "tfedge convert and verify": _convert_by_plan,
}


def _has_vela(place: Place) -> bool:
    """Whether Vela would be run, which takes seconds."""
    return b'"vela"' in place.given.read_bytes()


FORMATS = {
    "schemes": Format(_write_schemes, _damage, _SCHEME_ROADS),
    "targets": Format(_write_targets, _damage, _TARGET_ROADS),
    "plans": Format(_write_plans, _damage_plan, _PLAN_ROADS),
}
