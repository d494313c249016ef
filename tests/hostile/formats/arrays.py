"""Data for calibration, evaluation and comparison: .npz and .npy files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hostile.bases import float_twin
from hostile.damage import Rng, damaged_array, damaged_bytes, damaged_zip
from hostile.formats.format import Format, command
from random_graphs import random_model

import tfedge
from tfedge_converters.graph import read_file, write_model
from tfedge_converters.ptq import input_specs

SAMPLES = 6
_EMPTY_SHARE = 0.02


def write_models(folder: Path) -> np.ndarray:
    """Writes float.tflite and integer.tflite, one convolution; returns samples of its input."""
    model = random_model("conv_2d", 1, 1)
    (folder / "integer.tflite").write_bytes(write_model(model))
    twin = float_twin(model)
    (folder / "float.tflite").write_bytes(write_model(twin))
    (spec,) = input_specs(twin)
    shape = (SAMPLES, *spec.shape[1:])
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _write(folder: Path) -> None:
    x = write_models(folder)
    (output,) = read_file(folder / "integer.tflite").main.outputs
    y = np.zeros((SAMPLES, *output.shape[1:-1]), np.int64)
    np.savez(folder / "data.npz", x=x, y=y)
    np.savez_compressed(folder / "packed.npz", x=x, y=y, other=x[0])
    np.savez(folder / "input.npz", x)
    np.save(folder / "data.npy", x)


def _damage(sound: Path, folder: Path, rng: Rng) -> Path:
    name = str(rng.choice(["data.npz", "packed.npz", "input.npz", "data.npy"]))
    data = (sound / name).read_bytes()
    if rng.random() < _EMPTY_SHARE:
        data = b""
    elif name.endswith(".npy"):
        data = damaged_array(data, rng)
    else:
        data = damaged_zip(data, rng, {".npy": damaged_array})
    path = folder / name
    path.write_bytes(data if rng.random() > _EMPTY_SHARE else damaged_bytes(data, rng))
    return path


_ROADS = {
    "convert": lambda p: tfedge.convert(p.sound / "float.tflite", calibration=p.given),
    "evaluate": lambda p: tfedge.convert(
        p.sound / "integer.tflite", target="tflite", evaluation_data=p.given
    ),
    "calibrate": lambda p: tfedge.calibrate(p.sound / "float.tflite", p.given),
    "diagnose": lambda p: tfedge.diagnose(p.sound / "float.tflite", calibration=p.given),
    "verify": lambda p: tfedge.verify(
        p.sound / "float.tflite", p.given, engines=["litert", "litert-reference"]
    ),
    "tfedge convert": lambda p: command(
        "convert", p.sound / "float.tflite", "--calibration", p.given, "--output", p.output
    ),
    "tfedge convert --evaluation": lambda p: command(
        "convert", p.sound / "integer.tflite", "--target", "tflite", "--evaluation", p.given,
        "--output", p.output,
    ),
    "tfedge calibrate": lambda p: command(
        "calibrate", p.sound / "float.tflite", "--data", p.given, "--output", p.output
    ),
    "tfedge diagnose": lambda p: command(
        "diagnose", p.sound / "float.tflite", "--calibration", p.given
    ),
    "tfedge verify": lambda p: command(
        "verify", p.sound / "float.tflite", "--inputs", p.given, "--engine", "litert"
    ),
}  # fmt: skip


FORMATS = {"arrays": Format(_write, _damage, _ROADS)}
