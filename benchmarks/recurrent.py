"""Recurrent layers in integers: how near they come to float, and what they cost.

    python benchmarks/recurrent.py

Every net has random weights. 640 inputs calibrate it; 256 others are measured. A stateful net goes
through sequences of 16 invocations. Signal to noise is that of the generated C against Keras; its
outputs are compared with TFLite Micro's byte by byte. For the agreement of training with the
device, the net is trained for some steps in the same scheme, and exported without data: the share
of the outputs that `predict` and the device have in common, and the largest difference in integers
of the output. Flash is what code and constants of the C take on a Cortex-M4.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters.execute import build_firmware
from tfedge_converters.verify.engines import run_c, run_micro

layers = keras.layers

FEATURES, CORE = 6, "cortex-m4"
CALIBRATION, SAMPLES, SEQUENCE, TRAINED = 640, 256, 16, 96
SCHEMES = ("int8", "int16x8")


@dataclass(frozen=True)
class Net:
    """One row.

    Attributes:
        parts: make the layers.
        steps: of an invocation.
        stateful: whether invocations are a sequence.
    """

    parts: Callable[[], list[Any]]
    steps: int = 32
    stateful: bool = False


def _of(kind: Any, units: int, **options: Any) -> Any:
    return kind(units, bias_initializer="normal", **options)


def _both_ways() -> list[Any]:
    return [layers.Bidirectional(_of(layers.LSTM, 12)), layers.Dense(4)]


def _stacked(kind: Any, **options: Any) -> Callable[[], list[Any]]:
    return lambda: [
        _of(kind, 16, return_sequences=True, **options),
        _of(kind, 12, **options),
        layers.Dense(4),
    ]


NETS = {
    "LSTM": Net(lambda: [_of(layers.LSTM, 16, return_sequences=True)]),
    "LSTM, 100 steps": Net(lambda: [_of(layers.LSTM, 16, return_sequences=True)], 100),
    "LSTM both ways": Net(_both_ways),
    "LSTM stacked": Net(_stacked(layers.LSTM)),
    "LSTM stateful": Net(_stacked(layers.LSTM, stateful=True), 4, stateful=True),
    "GRU": Net(lambda: [_of(layers.GRU, 16, return_sequences=True)]),
    "GRU, 100 steps": Net(lambda: [_of(layers.GRU, 16, return_sequences=True)], 100),
    "GRU stateful": Net(_stacked(layers.GRU, stateful=True), 4, stateful=True),
    "SimpleRNN": Net(lambda: [_of(layers.SimpleRNN, 16, return_sequences=True)]),
}


def built(net: Net) -> Any:
    """The same weights every time."""
    keras.utils.set_random_seed(1)
    start = keras.Input((net.steps, FEATURES), batch_size=1 if net.stateful else None)
    return keras.Sequential([start, *net.parts()])


def sequences(net: Net, seed: int, count: int) -> np.ndarray:
    """(count, steps, FEATURES)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, net.steps, FEATURES)).astype(np.float32)


def predicted(model: Any, net: Net, x: np.ndarray, reset: Callable[[], None]) -> np.ndarray:
    """What Keras says, invocation by invocation if these are a sequence."""
    if not net.stateful:
        return np.asarray(model.predict(x, verbose=0))
    results = []
    for position, one in enumerate(x):
        if position % SEQUENCE == 0:
            reset()
        results.append(model.predict_on_batch(one[np.newaxis])[0])
    return np.array(results)


def reset_all(model: Any) -> Callable[[], None]:
    """What begins a sequence of a plain model."""

    def reset() -> None:
        for layer in model.layers:
            if getattr(layer, "stateful", False):
                layer.reset_state()

    return reset


def device(artifact: Any, x: np.ndarray, run: Any = run_c) -> np.ndarray:
    outputs = run(artifact.flatbuffer, [[one[np.newaxis]] for one in x], SEQUENCE)
    return np.array([result[0][0] for result in outputs])


def decibels(right: np.ndarray, found: np.ndarray) -> str:
    return f"{10 * np.log10(np.square(right).sum() / np.square(right - found).sum()):.1f} dB"


def after_training(net: Net, scheme: str) -> tuple[str, str]:
    """Signal to noise against float; and in how many values C and TFLite Micro differ."""
    model, x = built(net), sequences(net, 3, SAMPLES)
    artifact = tfedge.convert(
        model, quantization=scheme, calibration=sequences(net, 2, CALIBRATION),
        input_type="float32", output_type="float32",
    )  # fmt: skip
    right = predicted(model, net, x, reset_all(model))
    found = device(artifact, x)
    wrong = int((found != device(artifact, x, run_micro)).sum())
    return decibels(right, found), f"{wrong} of {found.size:,}"


def with_training(net: Net, scheme: str) -> tuple[str, str]:
    """Outputs that `predict` and the device have in common, and the largest difference."""
    model = built(net)
    quantized = tfedge.quantize(model, scheme)
    x = sequences(net, 2, TRAINED)
    right = np.random.default_rng(4).normal(size=(TRAINED, *model.output_shape[1:]))
    quantized.compile("sgd", "mse")
    quantized.fit(x, right, batch_size=1 if net.stateful else 8, verbose=0)
    artifact = tfedge.convert(quantized, quantization=scheme)
    (entry,), (exit_,) = artifact.model.main.inputs, artifact.model.main.outputs
    limits = np.iinfo(entry.type.dtype)
    scale, zero = float(entry.quantization.scale[0]), int(entry.quantization.zero_point[0])
    integers = np.clip(np.round(sequences(net, 3, SAMPLES) / scale) + zero, limits.min, limits.max)
    real = ((integers - zero) * np.float32(scale)).astype(np.float32)
    found = device(artifact, integers.astype(entry.type.dtype)).astype(np.int64)
    said = predicted(quantized, net, real, quantized.reset_state)
    grid = exit_.quantization
    apart = np.abs(np.round(said / grid.scale[0]) + grid.zero_point[0] - found)
    return f"{100 * (apart == 0).mean():.1f} %", f"{int(apart.max())}"


def flash(net: Net, scheme: str) -> str:
    """Bytes of code and constants."""
    artifact = tfedge.convert(
        built(net), target=CORE, quantization=scheme, calibration=sequences(net, 2, 8)
    )
    with tempfile.TemporaryDirectory() as folder:
        firmware = build_firmware(artifact.source.write(Path(folder)), CORE)
        return f"{firmware.sizes().flash_bytes:,}"


def main() -> None:
    table = Table(
        "net", "scheme", "to float", "C ≠ TFLite Micro", "predict = device", "at most", "flash"
    )
    for name, net in NETS.items():
        for scheme in SCHEMES:
            try:
                cells = [*after_training(net, scheme), *with_training(net, scheme)]
                table.add_row(name, scheme, *cells, flash(net, scheme))
            except TfedgeError as error:
                table.add_row(name, scheme, str(error))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
