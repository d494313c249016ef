"""How long a step of quantization-aware training takes, against plain training.

    python benchmarks/qat_step_time.py --pairs 30 --csv results.csv

ResNet-8 and DS-CNN of MLPerf Tiny on random data, by Keras' own `fit`. A round times a short run of
every variant, one after the other, in an order that turns from round to round; ratios are taken
within a round, so that what else the machine does falls out. Wall time counts from the second step
of a run, without the start of `fit`; processor time is the whole process's in the same span, and
the steadier figure on a shared machine.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from networks import ds_cnn, resnet_8
from rich.console import Console
from rich.progress import track
from rich.table import Table

import tfedge
from tfedge.files import write_atomically

KERAS, QAT, TF_KERAS, TFMOT = "Keras 3", "tfedge QAT", "tf_keras", "tfmot QAT"
# What is divided by what.
RATIOS = ((QAT, KERAS), (TFMOT, TF_KERAS), (TFMOT, KERAS), (QAT, TFMOT))
QUARTILES = (25, 50, 75)
COLUMNS = ("network", "xla", "ratio", "wall_q1", "wall_median", "wall_q3", "cpu_q1", "cpu_median",
           "cpu_q3", "rounds", "target")  # fmt: skip


@dataclass(frozen=True)
class Network:
    """What is trained, and on how many samples a step."""

    name: str
    build: Callable[[Any], Any]
    batch: int


@dataclass(frozen=True)
class Mode:
    """With or without XLA.

    Attributes:
        steps: timed steps of a run.
        variants: that are timed.
        target: the largest ratio of QAT to Keras 3.
    """

    xla: bool
    steps: int
    variants: tuple[str, ...]
    target: float


NETWORKS = (Network("ResNet-8", resnet_8, 32), Network("DS-CNN", ds_cnn, 64))
MODES = (
    Mode(False, 8, (KERAS, QAT, TF_KERAS, TFMOT), 0.95),
    Mode(True, 2, (KERAS, QAT, TF_KERAS, TFMOT), 1.15),
)


def tfmot_model(network: Network) -> Any:
    import tf_keras
    from tensorflow_model_optimization.quantization.keras import quantize_model

    return quantize_model(network.build(tf_keras))


def compiled(variant: str, network: Network, mode: Mode) -> Any:
    """A model that is ready to fit."""
    import tf_keras

    models: dict[str, tuple[Any, Callable[[], Any]]] = {
        KERAS: (keras, lambda: network.build(keras)),
        QAT: (keras, lambda: tfedge.quantize(network.build(keras), "int8")),
        TF_KERAS: (tf_keras, lambda: network.build(tf_keras)),
        TFMOT: (tf_keras, lambda: tfmot_model(network)),
    }
    module, build = models[variant]
    model = build()
    model.compile(
        module.optimizers.Adam(1e-3),
        module.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=mode.xla,
    )
    return model


def data_for(model: Any, batch: int) -> Any:
    """Endless batches, at hand in memory."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, *model.input_shape[1:])).astype(np.float32)
    y = rng.integers(model.output_shape[-1], size=batch)
    return tf.data.Dataset.from_tensors((x, y)).cache().repeat()


class Stopwatch:
    """A callback's two hooks, for Keras 3 and tf_keras alike."""

    def __init__(self, module: Any):
        stopwatch = self

        class Hooks(module.callbacks.Callback):
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                stopwatch.ends.append((time.perf_counter(), time.process_time()))

        self.ends: list[tuple[float, float]] = []
        self.callback = Hooks()

    def spans(self) -> tuple[float, float]:
        """Seconds of a step: wall and processor time."""
        first, last, steps = self.ends[0], self.ends[-1], len(self.ends) - 1
        return (last[0] - first[0]) / steps, (last[1] - first[1]) / steps


def timed(model: Any, data: Any, steps: int) -> tuple[float, float]:
    import tf_keras

    stopwatch = Stopwatch(tf_keras if isinstance(model, tf_keras.Model) else keras)
    model.fit(
        data, steps_per_epoch=steps + 1, shuffle=False, verbose=0, callbacks=[stopwatch.callback]
    )
    return stopwatch.spans()


def rounds_of(network: Network, mode: Mode, count: int) -> dict[str, np.ndarray]:
    """By variant, (rounds, 2): wall and processor seconds of a step."""
    models = {variant: compiled(variant, network, mode) for variant in mode.variants}
    data = {variant: data_for(model, network.batch) for variant, model in models.items()}
    for variant, model in models.items():  # compiles
        timed(model, data[variant], 1)
    times: dict[str, list[tuple[float, float]]] = {variant: [] for variant in models}
    label = f"{network.name}{', XLA' if mode.xla else ''}"
    for turn in track(range(count), label, transient=True):
        start = turn % len(mode.variants)
        for variant in (*mode.variants[start:], *mode.variants[:start]):
            times[variant].append(timed(models[variant], data[variant], mode.steps))
    return {variant: np.array(spans) for variant, spans in times.items()}


def rows_of(network: Network, mode: Mode, times: dict[str, np.ndarray]) -> list[tuple[Any, ...]]:
    rows = []
    for top, bottom in RATIOS:
        if top in times and bottom in times:
            quartiles = np.percentile(times[top] / times[bottom], QUARTILES, axis=0)
            wall, cpu = ([round(float(value), 3) for value in column] for column in quartiles.T)
            target = mode.target if (top, bottom) == (QAT, KERAS) else ""
            rows.append((network.name, mode.xla, f"{top} / {bottom}", *wall, *cpu,
                         len(times[top]), target))  # fmt: skip
    return rows


def milliseconds(network: Network, mode: Mode, times: dict[str, np.ndarray]) -> str:
    """Medians, for orientation: only the ratios mean something on a shared machine."""
    parts = []
    for variant, spans in times.items():
        wall, cpu = 1000 * np.median(spans, axis=0)
        parts.append(f"{variant} {wall:.0f} ({cpu:.0f})")
    label = f"{network.name}{', XLA' if mode.xla else ''}"
    return f"{label}: milliseconds a step, wall (processor): {', '.join(parts)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--network", choices=[n.name for n in NETWORKS], action="append")
    parser.add_argument("--xla", choices=("on", "off"))
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    console, table, rows = Console(width=150), Table(*COLUMNS), []
    for mode in MODES:
        for network in NETWORKS:
            if arguments.network and network.name not in arguments.network:
                continue
            if arguments.xla and mode.xla != (arguments.xla == "on"):
                continue
            times = rounds_of(network, mode, arguments.pairs)
            console.print(milliseconds(network, mode, times), highlight=False)
            rows += rows_of(network, mode, times)
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)
    if arguments.csv:
        lines = [",".join(map(str, line)) for line in (COLUMNS, *rows)]
        write_atomically(arguments.csv, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
