"""Integers whose exponents are found at run time, beside float, static int8 and dynamic weights.

    python benchmarks/block_floating_point.py --seeds 3 --csv results.csv --costs costs.csv

Small nets learn scikit-learn's digits (8 x 8), of which half are kept for the test. 200 of the
training images calibrate int8; the others need none. All files are run as generated C. Signal over
noise is that of the outputs, which are logits, against the float model on the same images; a gain
multiplies these, as a sensor's would that nobody has calibrated for. Costs are of the C of the
first seed in QEMU: instructions of an inference, and bytes of flash (of the last core, with what it
takes of libraries) and arena.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from common.tables import Row, as_csv, show
from sklearn.datasets import load_digits

import tfedge
from tfedge.quantization.schemes import STORAGE_SCHEMES
from tfedge_converters.execute import build_firmware
from tfedge_converters.ptq.real_values import as_input

layers = keras.layers

# All weights of `dynamic` are stored, however few: real ones say nothing about rounded ones.
SCHEMES = {
    "int8": "int8",
    "dynamic": dataclasses.replace(STORAGE_SCHEMES["dynamic"], minimum_elements=1),
    "dynamic_integer": "dynamic_integer",
}
GAINS = (1 / 32, 1.0, 4.0, 32.0)
CORES = ("cortex-m0", "cortex-m3", "rv32imc")
CALIBRATION, EPOCHS = 200, 40
COSTED = 2


def dense(x: Any) -> Any:
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    return layers.Dense(32, activation="relu")(x)


def convolutional(x: Any) -> Any:
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
    return layers.Flatten()(layers.MaxPooling2D(2)(x))


def residual(x: Any) -> Any:
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
    for _ in range(2):
        y = layers.DepthwiseConv2D(3, padding="same")(x)
        y = layers.Conv2D(16, 1)(layers.ReLU(6.0)(y))
        x = layers.ReLU()(layers.Add()([x, y]))
    return layers.Flatten()(layers.AveragePooling2D(2)(x))


NETS: dict[str, Callable[[Any], Any]] = {
    "dense": dense,
    "convolutional": convolutional,
    "residual": residual,
}


@dataclass(frozen=True)
class Digits:
    """Images in 0..1 and labels."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def digits(seed: int) -> Digits:
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(images))
    x = (images[order].reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    y, half = labels[order], len(images) // 2
    return Digits(x[:half], y[:half], x[half:], y[half:])


def trained(name: str, seed: int, data: Digits) -> Any:
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, layers.Dense(10)(NETS[name](inputs)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(data.x_train, data.y_train, batch_size=32, epochs=EPOCHS, verbose=0)
    return model


def converted(model: Any, scheme: str, data: Digits, target: str) -> Any:
    calibration = data.x_train[:CALIBRATION] if scheme == "int8" else None
    return tfedge.convert(
        model, target=target, quantization=SCHEMES[scheme], calibration=calibration, progress=False
    )


def decibels(right: np.ndarray, found: np.ndarray) -> float:
    return 10 * float(np.log10(np.square(right).sum() / np.square(right - found).sum()))


def percent(outputs: np.ndarray, labels: np.ndarray) -> float:
    return 100 * float((outputs.argmax(-1) == labels).mean())


def judged(model: Any, artifact: Any, data: Digits) -> Row:
    """What is lost of float's accuracy, in points, and signal over noise in dB, at each gain."""
    row: Row = {}
    for gain in GAINS:
        x = data.x_test * np.float32(gain)
        right, found = model.predict(x, verbose=0), artifact.predict(x)
        points = percent(found, data.y_test) - percent(right, data.y_test)
        row |= {f"points, gain {gain:g}": points, f"dB, gain {gain:g}": decibels(right, found)}
    return row


def errors(name: str, seeds: int) -> list[Row]:
    """The means over seeds, a row a scheme."""
    found: dict[str, list[Row]] = {scheme: [] for scheme in SCHEMES}
    for seed in range(seeds):
        data = digits(seed)
        model = trained(name, seed, data)
        for scheme, rows in found.items():
            rows.append(judged(model, converted(model, scheme, data, "host"), data))
    return [
        {"net": name, "scheme": f"`{scheme}`"}
        | {key: _written(key, float(np.mean([row[key] for row in rows]))) for key in rows[0]}
        for scheme, rows in found.items()
    ]


def _written(key: str, mean: float) -> str:
    return f"{mean:+.2f}" if key.startswith("points") else f"{mean:.1f}"


def costs(name: str) -> list[Row]:
    """Of the first seed, a row a scheme: instructions and flash on each core, and the arena."""
    data = digits(0)
    model = trained(name, 0, data)
    rows = []
    for scheme in SCHEMES:
        row: Row = {"net": name, "scheme": f"`{scheme}`"}
        for core in CORES:
            artifact = converted(model, scheme, data, core)
            (entry,) = artifact.model.main.inputs
            samples = [[as_input(one[np.newaxis], entry)] for one in data.x_test[:COSTED]]
            with tempfile.TemporaryDirectory() as folder:
                firmware = build_firmware(artifact.source.write(Path(folder)), core)
                row[f"{core}: instructions"] = f"{firmware.run(samples).instructions[-1]:,}"
                row["flash"] = f"{firmware.sizes().flash_bytes:,}"
            row["arena"] = f"{artifact.source.arena_bytes:,}"
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--csv", type=Path, help="for what it loses")
    parser.add_argument("--costs", type=Path, help="for what it takes")
    arguments = parser.parse_args()
    lost = [row for name in NETS for row in errors(name, arguments.seeds)]
    taken = [row for name in NETS for row in costs(name)]
    for title, path, rows in (
        ("against float", arguments.csv, lost),
        ("costs", arguments.costs, taken),
    ):
        show(title, rows)
        if path is not None:
            path.write_text(as_csv(rows), "utf-8")


if __name__ == "__main__":
    main()
