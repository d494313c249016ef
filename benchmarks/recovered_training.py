"""How many epochs training for int4 needs from plain rounding, and from recovered rounding.

    python benchmarks/recovered_training.py --data FOLDER --seeds 5 --csv results.csv

FOLDER holds mnist/ as real_data.py describes. The net and its training are those of the first task
of qat_accuracy.py. A seed draws the training data and the first weights; every variant starts from
the same float model, with ranges from the same 500 training images, and gets the same batches and
learning rates for as many epochs. What begins with recovery has its weights and biases from
RECOVERY, on those images without their labels. Accuracy is that of `predict` with the device's
integers on all 10,000 test images; seconds are those of one CPU, recovery and training together.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The matrices are small: threads that wait for each other cost more than they do.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from common.tasks import Task
from common.trials import TUNED_RATE, Trial, described, run_trials, trained_trial
from qat_accuracy import CALIBRATION, TASKS
from rich.table import Table

import tfedge

RECOVERY = ("clip_search", "adaround", "bias_correction")
STARTS: dict[str, tuple[str, ...]] = {"plain": (), "recovered": RECOVERY}
EPOCHS = (0, 1, 4, 8)


@dataclass(frozen=True)
class Result:
    """One line of the CSV file; accuracies are in percent."""

    seed: int
    start: str
    epochs: int
    float_accuracy: float
    accuracy: float
    cpu_seconds: float

    @property
    def difference(self) -> float:
        """Points above the float model."""
        return self.accuracy - self.float_accuracy


def trained(trial: Trial, start: str, epochs: int) -> Any:
    model = tfedge.quantize(
        trial.model(),
        "int4",
        calibration=trial.split.x_train[:CALIBRATION],
        recovery=STARTS[start],
    )
    if epochs:
        trial.fit(model, epochs, TUNED_RATE)
    return model


def run_trial(task: Task, seed: int, folder: Path) -> list[Result]:
    trial, real = trained_trial(task, seed, folder)
    x = trial.split.x_test
    float_accuracy = trial.accuracy(real.predict(x, 500, verbose=0))
    results = []
    for epochs in EPOCHS:
        for start in STARTS:
            begun = time.process_time()
            model = trained(trial, start, epochs)
            seconds = round(time.process_time() - begun, 1)
            accuracy = trial.accuracy(model.predict(x, 500, verbose=0))
            results.append(Result(seed, start, epochs, float_accuracy, accuracy, seconds))
    return results


def chosen(results: list[Result], start: str, epochs: int) -> list[Result]:
    return [r for r in results if (r.start, r.epochs) == (start, epochs)]


def differences(results: list[Result], start: str, epochs: int) -> np.ndarray:
    return np.array([r.difference for r in chosen(results, start, epochs)])


def report(results: list[Result], task: Task) -> list[Any]:
    table = Table("epochs", "plain", "recovered", "recovered minus plain", "CPU s", title=task.name)
    for epochs in EPOCHS:
        plain, recovered = (differences(results, start, epochs) for start in STARTS)
        seconds = [
            np.median([r.cpu_seconds for r in chosen(results, start, epochs)]) for start in STARTS
        ]
        table.add_row(
            str(epochs),
            described(plain),
            described(recovered),
            described(recovered - plain),
            " / ".join(f"{value:.0f}" for value in seconds),
        )
    return [table]


if __name__ == "__main__":
    run_trials(__doc__, TASKS[:1], run_trial, report, width=120)
