"""What `tfedge calibrate` writes and convert reads back."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from hostile.damage import Rng, chosen, damaged_array, damaged_json, damaged_signed, damaged_zip
from hostile.formats.arrays import write_models
from hostile.formats.format import Format, command

import tfedge

_HEADER = "tfedge_calibration"
_SIGNED_SHARE = 0.5
_METHODS = ("minmax", "mse", "percentile:99.9", "entropy")


def _write(folder: Path) -> None:
    x = write_models(folder)
    np.savez(folder / "x.npz", x=x)
    for place, method in enumerate(_METHODS):
        calibration = tfedge.calibrate(folder / "float.tflite", x, method=method)
        calibration.save(folder / f"seen{place}.npz")


def _damage(sound: Path, folder: Path, rng: Rng) -> Path:
    path = folder / "seen.npz"
    data = (sound / f"seen{int(rng.integers(len(_METHODS)))}.npz").read_bytes()
    if rng.random() < _SIGNED_SHARE:
        path.write_bytes(damaged_signed(data, rng, _HEADER, _parse, _pack))
    else:
        damages = {f"{_HEADER}.npy": _damaged_header, ".npy": damaged_array}
        path.write_bytes(damaged_zip(data, rng, damages))
    return path


def _parse(header: np.ndarray) -> Any:
    return json.loads(str(header))


def _pack(says: Any) -> np.ndarray:
    return np.array(json.dumps(says))


def _damaged_header(data: bytes, rng: Rng) -> bytes:
    """JSON in an array that is one text."""
    if rng.random() < 0.2:
        return damaged_array(data, rng)
    text = str(np.load(io.BytesIO(data)))
    said = damaged_json(text.encode(), rng)
    content = io.BytesIO()
    np.save(content, np.array(said.decode("utf-8", "replace").replace("\0", "")))
    return content.getvalue()


_ROADS = {
    "load": lambda p: tfedge.Calibration.load(p.given),
    "convert": lambda p: tfedge.convert(
        p.sound / "float.tflite", calibration=p.given, target=str(chosen(p.rng, ("host", "tflite")))
    ),
    "resume": lambda p: tfedge.calibrate(
        p.sound / "float.tflite", str(p.sound / "x.npz"), resume=p.given
    ),
    "tfedge convert": lambda p: command(
        "convert", p.sound / "float.tflite", "--calibration", p.given, "--output", p.output
    ),
    "tfedge calibrate --resume": lambda p: command(
        "calibrate", p.sound / "float.tflite", "--data", p.sound / "x.npz",
        "--resume", p.given, "--output", p.output,
    ),
}  # fmt: skip

FORMATS = {"calibrations": Format(_write, _damage, _ROADS)}
