"""How long a step of distillation takes, against its teacher's forward pass and its student's step.

    python benchmarks/distillation_step_time.py --pairs 30 --csv results.csv

On random data, by Keras' own `fit` and `predict`. A round times a short run of everything, one
after the other, in an order that turns from round to round; ratios are taken within a round. With a
cached teacher the yardstick is the student's plain `fit`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from common.networks import convolutional_net, depthwise_digits_net, residual_net, resnet_8
from rich.console import Console
from rich.progress import track
from rich.table import Table
from step_time import QUARTILES, Stopwatch

from tfedge import distillation as d
from tfedge.atomic_writing import write_atomically

STUDENT, TEACHER, TAUGHT, CACHED = "student", "teacher", "distillation", "cached distillation"
STEPS = 8
LOGITS_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
COLUMNS = ("networks", "xla", "ratio", "wall_q1", "wall_median", "wall_q3", "cpu_q1", "cpu_median",
           "cpu_q3", "rounds", "target")  # fmt: skip
# What is divided by the sum of what, and the largest ratio wanted.
RATIOS = ((TAUGHT, (STUDENT, TEACHER), 1.1), (CACHED, (STUDENT,), 1.15))


@dataclass(frozen=True)
class Pair:
    """A teacher and its student, and how many samples a step has."""

    name: str
    teacher: Callable[[], Any]
    student: Callable[[], Any]
    batch: int


PAIRS = (
    Pair(
        "digits",
        lambda: convolutional_net(keras, (28, 28, 1), 10, (32, 48, 64)),
        lambda: depthwise_digits_net(keras),
        32,
    ),
    Pair(
        "ResNet-8",
        lambda: residual_net(
            keras, (32, 32, 3), 10, 64, ((1, 64), (1, 64), (2, 128), (1, 128), (2, 256))
        ),
        lambda: resnet_8(keras),
        32,
    ),
)


def runs_of(pair: Pair, xla: bool) -> dict[str, Callable[[int], tuple[float, float]]]:
    """By name, what runs so many steps and gives (wall, processor) seconds of one."""
    teacher, student = pair.teacher(), pair.student()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(pair.batch, *teacher.input_shape[1:])).astype(np.float32)
    y = rng.integers(teacher.output_shape[-1], size=pair.batch)
    said = d.DistillationInputs(x, {"final_output": teacher(x)})
    student.compile("adam", LOGITS_LOSS, jit_compile=xla)
    teacher.compile(jit_compile=xla)
    return {
        STUDENT: _fits(student, (x, y)),
        TEACHER: _predicts(teacher, x),
        TAUGHT: _fits(_distiller(teacher, pair.student(), xla), (x, y)),
        CACHED: _fits(_distiller(teacher, pair.student(), xla), (said, y)),
    }


def _distiller(teacher: Any, student: Any, xla: bool) -> Any:
    distiller = d.Distiller(teacher, student, d.SoftTargets(4.0))
    distiller.compile("adam", LOGITS_LOSS, jit_compile=xla)
    return distiller


def _endless(batch: Any) -> Any:
    return tf.data.Dataset.from_tensors(batch).cache().repeat()


def _fits(model: Any, batch: Any) -> Callable[[int], tuple[float, float]]:
    data = _endless(batch)

    def run(steps: int) -> tuple[float, float]:
        watch = Stopwatch(keras)
        model.fit(
            data, steps_per_epoch=steps + 1, shuffle=False, verbose=0, callbacks=[watch.callback]
        )
        return watch.spans()

    return run


def _predicts(model: Any, batch: Any) -> Callable[[int], tuple[float, float]]:
    data = _endless((batch,))

    def run(steps: int) -> tuple[float, float]:
        watch = Stopwatch(keras)
        watch.callback.on_predict_batch_end = watch.callback.on_train_batch_end
        model.predict(data, steps=steps + 1, verbose=0, callbacks=[watch.callback])
        return watch.spans()

    return run


def rounds_of(pair: Pair, xla: bool, count: int) -> dict[str, np.ndarray]:
    """By what was timed, (rounds, 2): wall and processor seconds of a step."""
    runs = runs_of(pair, xla)
    for run in runs.values():  # compiles
        run(1)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    names = list(runs)
    for turn in track(range(count), f"{pair.name}{', XLA' if xla else ''}", transient=True):
        start = turn % len(names)
        for name in (*names[start:], *names[:start]):
            times[name].append(runs[name](STEPS))
    return {name: np.array(spans) for name, spans in times.items()}


def rows_of(pair: Pair, xla: bool, times: dict[str, np.ndarray]) -> list[tuple[Any, ...]]:
    rows = []
    for top, bottom, target in RATIOS:
        ratios = times[top] / sum(times[name] for name in bottom)
        quartiles = np.percentile(ratios, QUARTILES, axis=0)
        wall, cpu = ([round(float(value), 3) for value in column] for column in quartiles.T)
        rows.append((pair.name, xla, f"{top} / {' + '.join(bottom)}", *wall, *cpu, len(ratios),
                     target))  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    console, table, rows = Console(width=160), Table(*COLUMNS), []
    for xla in (False, True):
        for pair in PAIRS:
            rows += rows_of(pair, xla, rounds_of(pair, xla, arguments.pairs))
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)
    if arguments.csv:
        lines = [",".join(map(str, line)) for line in (COLUMNS, *rows)]
        write_atomically(arguments.csv, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
