"""What models lose that are made smaller: channels removed, or layers factorised.

    python benchmarks/smaller_models.py --data FOLDER --seeds 5 --csv results.csv

FOLDER holds mnist/ and fsdd/ as real_data.py describes; what is missing is skipped. A seed draws
the training data and the first weights and trains a net; every variant is made from that net, has
half its multiply-accumulates, and is tuned for the same epochs, learning rates and batches, as is
the net itself.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from common import tasks
from common.tasks import Task
from common.trials import (
    CONTINUED,
    FLOAT,
    RECOVERY_RATE,
    Trial,
    described,
    met,
    run_trials,
    trained_trial,
)
from rich.table import Table

from tfedge.factorization import factorize
from tfedge.pruning import LossChange, cost_of, remove_channels

HALF = "50% macs"
JUDGED, MEASURED = 2048, 256
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

TASKS = (
    tasks.digits("residual", 6000, epochs=8, tuned_epochs=8, gate=True),
    tasks.digits("depthwise", 2000, epochs=15, tuned_epochs=12),
    tasks.words(epochs=10, tuned_epochs=8),
)


@dataclass(frozen=True)
class Outcome:
    """One line of the CSV file: accuracies in percent, before tuning and after, and the costs."""

    task: str
    seed: int
    variant: str
    untuned: float
    accuracy: float
    macs: int
    parameters: int
    ram: int
    cpu_seconds: float


def float_model(trial: Trial) -> Any:
    return trial.model()


def by_loss_change(trial: Trial) -> Any:
    labelled = trial.split.x_train[:JUDGED], trial.split.y_train[:JUDGED]
    return remove_channels(trial.model(), HALF, importance=LossChange(LOSS), calibration=labelled)


def by_importance(importance: str, trial: Trial) -> Any:
    return remove_channels(trial.model(), HALF, importance=importance)


def by_factors(method: str, trial: Trial) -> Any:
    inputs = trial.split.x_train[:MEASURED]
    return factorize(trial.model(), HALF, method=method, calibration=inputs)


CHANNELS, FACTORS = "half the channels' MACs, loss", "half the MACs, Tucker"
VARIANTS: dict[str, Callable[[Trial], Any]] = {
    CONTINUED: float_model,
    CHANNELS: by_loss_change,
    "half the channels' MACs, l2": functools.partial(by_importance, "l2"),
    "half the channels' MACs, gamma": functools.partial(by_importance, "batch_norm"),
    FACTORS: functools.partial(by_factors, "auto"),
    "half the MACs, CP": functools.partial(
        by_factors, lambda layer: "cp" if getattr(layer, "kernel_size", (1,))[0] > 1 else "svd"
    ),
}
# A variant, what it is compared with, and how many points it may lie below at most.
TARGETS = ((CHANNELS, FLOAT, 0.3), (CHANNELS, CONTINUED, 0.3), (FACTORS, CONTINUED, 0.3))


def run_trial(task: Task, seed: int, folder: Path) -> list[Outcome]:
    start = time.process_time()
    trial, model = trained_trial(task, seed, folder)
    outcomes = [_outcome(trial, FLOAT, model, _accuracy(trial, model), start)]
    for name, variant in VARIANTS.items():
        start = time.process_time()
        smaller = variant(trial)
        untuned = _accuracy(trial, smaller)
        trial.fit(smaller, task.tuned_epochs, RECOVERY_RATE)
        outcomes.append(_outcome(trial, name, smaller, untuned, start))
    return outcomes


def _outcome(trial: Trial, variant: str, model: Any, untuned: float, start: float) -> Outcome:
    cost = cost_of(model)
    return Outcome(
        trial.task.name, trial.seed, variant, untuned, _accuracy(trial, model), cost.total.macs,
        cost.total.parameters, cost.ram, round(time.process_time() - start, 1),
    )  # fmt: skip


def _accuracy(trial: Trial, model: Any) -> float:
    return trial.accuracy(model.predict(trial.split.x_test, 500, verbose=0))


def accuracies(outcomes: list[Outcome], variant: str) -> np.ndarray:
    """By seed."""
    return np.array([outcome.accuracy for outcome in outcomes if outcome.variant == variant])


def table_of(outcomes: list[Outcome]) -> Table:
    table = Table("variant", "untuned %", "mean %", "minus float", "minus float, continued",
                  "MACs", "parameters", "RAM", title=outcomes[0].task)  # fmt: skip
    for variant in (FLOAT, *VARIANTS):
        own = [outcome for outcome in outcomes if outcome.variant == variant]
        values = accuracies(outcomes, variant)
        table.add_row(
            variant,
            f"{np.mean([outcome.untuned for outcome in own]):.2f}",
            f"{values.mean():.2f}",
            described(values - accuracies(outcomes, FLOAT)),
            described(values - accuracies(outcomes, CONTINUED)),
            *(
                f"{np.mean([getattr(outcome, amount) for outcome in own]):,.0f}"
                for amount in ("macs", "parameters", "ram")
            ),
        )
    return table


def verdicts(outcomes: list[Outcome], task: Task) -> list[str]:
    """What the targets say."""
    lines = []
    for variant, reference, allowed in TARGETS if task.gate else ():
        difference = accuracies(outcomes, variant) - accuracies(outcomes, reference)
        lines.append(
            f"{variant} against {reference}: {described(difference)}, at least {-allowed}: "
            f"{met(difference.mean() >= -allowed)}"
        )
    return lines


def report(outcomes: list[Outcome], task: Task) -> list[Any]:
    return [table_of(outcomes), *verdicts(outcomes, task)]


if __name__ == "__main__":
    run_trials(__doc__, TASKS, run_trial, report)
