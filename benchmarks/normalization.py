"""How near LayerNormalization in integers comes to float, and to the best that int8 ends allow.

    python benchmarks/normalization.py

32 rows of 64 numbers whose variances are up to so many times apart; 40 samples calibrate, 40 others
are measured, in TFLite Micro. "In int8" is the same layer as TensorFlow's converter decomposes it,
quantised operator by operator; "ideal" is the float layer between the same int8 ends.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

import tfedge
from tfedge.quantization.activation_types import INT8
from tfedge_converters.graph import Range
from tfedge_converters.ptq.quant_params import activation_grid
from tfedge_converters.verify.engines import run_micro

ROWS, DEPTH, SAMPLES = 32, 64, 40
CASES = ((1, 1e-3), (30, 1e-3), (30, 1e-6), (1000, 1e-3), (1000, 1e-6))


def network(epsilon: float) -> Any:
    x = keras.Input((ROWS, DEPTH))
    model = keras.Model(x, keras.layers.LayerNormalization(epsilon=epsilon)(x))
    rng = np.random.default_rng(4)
    for weight in model.weights:
        weight.assign(rng.normal(1, 0.3, weight.shape))
    return model


def rows(spread: float, seed: int) -> np.ndarray:
    """(samples, rows, depth), every row with a mean and a variance of its own."""
    rng = np.random.default_rng(seed)
    size = np.sqrt(spread) ** -np.linspace(0, 1, ROWS)[:, None]
    values = rng.normal(size=(SAMPLES, ROWS, DEPTH)) + 0.3 * rng.normal(size=(SAMPLES, ROWS, 1))
    return (size * values).astype(np.float32)


def as_tensorflow_writes_it(model: Any) -> bytes:
    """A float .tflite file in which the layer is a dozen operators."""
    function = tf.function(lambda x: model(x, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec((1, ROWS, DEPTH), tf.float32))
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())


def measured(
    source: Any, seen: np.ndarray, data: np.ndarray, real: np.ndarray
) -> tuple[float, int]:
    """Decibels of signal to noise, and the number of operators."""
    artifact = tfedge.convert(
        source, target="tflite-micro", calibration=seen,
        input_type="float32", output_type="float32",
    )  # fmt: skip
    found = run_micro(artifact.flatbuffer, [[sample[np.newaxis]] for sample in data])
    return decibels(real, np.concatenate([y for (y,) in found])), len(
        artifact.model.main.operators
    ) - 2


def decibels(real: np.ndarray, found: np.ndarray) -> float:
    return float(10 * np.log10(np.square(real).sum() / np.square(real - found).sum()))


def on_grid(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Rounded to the int8 grid of the range that was seen."""
    grid = activation_grid(Range(float(seen.min()), float(seen.max())), "", INT8)
    scale, zero = float(grid.scale[0]), int(grid.zero_point[0])
    steps = np.clip(np.round(values / scale) + zero, -128, 127) - zero
    return (steps * scale).astype(np.float32)


def main() -> None:
    table = Table("rows", "epsilon", "in int8", "in 16 bits", "ideal", "operators")
    for spread, epsilon in CASES:
        model, seen, data = network(epsilon), rows(spread, 0), rows(spread, 1)
        real = model.predict(data, verbose=0)
        narrow, before = measured(as_tensorflow_writes_it(model), seen, data, real)
        wide, after = measured(model, seen, data, real)
        best = model.predict(on_grid(data, seen), verbose=0)
        ideal = decibels(real, on_grid(best, model.predict(seen, verbose=0)))
        table.add_row(
            f"1 : {spread}", f"{epsilon:g}", f"{narrow:.2f} dB", f"{wide:.2f} dB",
            f"{ideal:.2f} dB", f"{before} and {after}",
        )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
