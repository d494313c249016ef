"""What the accuracy benchmarks share: trials that differ in their seed, and their report.

A seed draws the training data and the first weights; all variants of a trial start from one float
model, so that they are compared in pairs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from common.real_data import Split
from common.tasks import Task
from tfedge.atomic_writing import write_atomically

BATCH = 32
FLOAT_RATE, TUNED_RATE = 1e-2, 1e-3
# Of models that lost weights, channels or ranks: small steps do not make up for what goes.
RECOVERY_RATE = FLOAT_RATE / 2
FLOAT, CONTINUED = "float", "float, continued"
# Half the width of a 95 % interval in standard errors, for 1, 2, ... degrees of freedom.
STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)


@dataclass
class Trial:
    """One task with one seed."""

    task: Task
    seed: int
    split: Split
    weights: list[np.ndarray] = field(default_factory=list)

    def model(self) -> Any:
        """A fresh copy of the float model."""
        model = self.task.build(keras)
        if self.weights:
            model.set_weights(self.weights)
        return model

    def fit(
        self, model: Any, epochs: int, rate: float, module: Any = keras, callbacks: Any = ()
    ) -> None:
        """Trains with Adam and a rate that falls along a cosine."""
        data = self.batches(epochs)
        module.utils.set_random_seed(self.seed)
        model.compile(
            module.optimizers.Adam(module.optimizers.schedules.CosineDecay(rate, len(data))),
            module.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        model.fit(data, shuffle=False, verbose=0, callbacks=list(callbacks))

    def batches(self, epochs: int) -> Any:
        """The training data as often as `epochs` says, in one order for every variant.

        Not left to `fit`: with a fixed seed Keras 3 makes the same batches of arrays in every
        epoch and tf_keras does not, which is worth 0.2 points to the latter.
        """
        x, y = self.split.x_train, self.split.y_train
        rng = np.random.default_rng(self.seed)
        rows = np.concatenate([rng.permutation(len(x)) for _ in range(epochs)])
        data = tf.data.Dataset.from_tensor_slices(rows).batch(BATCH)
        return data.map(lambda chosen: (tf.gather(x, chosen), tf.gather(y, chosen)))

    def tune(self, model: Any, module: Any = keras, callbacks: Any = ()) -> Any:
        """Trains as every variant is trained."""
        self.fit(model, self.task.tuned_epochs, TUNED_RATE, module, callbacks)
        return model

    def accuracy(self, logits: np.ndarray) -> float:
        """In percent of the test set."""
        return 100.0 * float((logits.argmax(-1) == self.split.y_test).mean())


def trained_trial(task: Task, seed: int, folder: Path) -> tuple[Trial, Any]:
    """A trial with its float model, which every variant starts from."""
    trial = Trial(task, seed, task.load(folder, seed))
    keras.utils.set_random_seed(seed)
    model = trial.model()
    trial.fit(model, task.epochs, FLOAT_RATE)
    trial.weights = model.get_weights()
    return trial, model


def described(differences: np.ndarray) -> str:
    """Mean, standard deviation, and 95 % interval of the mean."""
    count = len(differences)
    if count < 2:
        return f"{differences.mean():+.2f}"
    deviation = differences.std(ddof=1)
    half = STUDENT[min(count - 1, len(STUDENT)) - 1] * deviation / np.sqrt(count)
    return f"{differences.mean():+.2f} (sd {deviation:.2f}, 95 % ±{half:.2f})"


def met(holds: bool) -> str:
    """What became of a target."""
    return "met" if holds else "MISSED"


def write_csv(path: Path, results: Sequence[Any]) -> None:
    """One line a result, which is an instance of a dataclass."""
    header = ",".join(column.name for column in fields(results[0]))
    rows = [
        ",".join(f'"{v}"' if isinstance(v, str) else str(v) for v in astuple(r)) for r in results
    ]
    write_atomically(path, "\n".join([header, *rows]) + "\n")


class Named(Protocol):
    """A task of any benchmark."""

    @property
    def name(self) -> str:
        """What the command line and tables call it."""


def run_trials(
    description: str,
    tasks: Sequence[Named],
    run_trial: Callable[[Any, int, Path], Sequence[Any]],
    report: Callable[[Any, Any], Iterable[Any]],
    width: int = 150,
) -> None:
    """The command line of a benchmark: runs a trial for every task and seed, and prints reports.

    Args:
        description: the benchmark's docstring, whose first line is shown.
        tasks: what there is to choose from; those whose data are missing are skipped, aloud.
        run_trial: of a task, a seed and the folder of data, the results: lines of the CSV file.
        report: of a task's results and the task, what to print.
        width: of the terminal.
    """
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--task", choices=[task.name for task in tasks], action="append")
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    # The networks are too small for more than one thread to pay.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    console, everything = Console(width=width), list[Any]()
    for task in tasks:
        if arguments.task and task.name not in arguments.task:
            continue
        results: list[Any] = []
        try:
            for seed in range(arguments.seeds):
                results += run_trial(task, seed, arguments.data)
                if arguments.csv:
                    write_csv(arguments.csv, everything + results)
        except FileNotFoundError as missing:
            console.print(f"{task.name} SKIPPED: there is no {missing.filename}")
            continue
        everything += results
        for part in report(results, task):
            console.print(part, highlight=False)
