"""What pruned networks lose on real data, beside tfmot's pruning of the same networks.

    python benchmarks/pruning_accuracy.py --data FOLDER --seeds 5 --csv results.csv

FOLDER holds mnist/ and fsdd/ as real_data.py describes; what is missing is skipped. A seed draws
the training data and the first weights and trains a float model; every variant starts from that
model and is tuned for the same epochs, with the same rates and batches, as is the float model.
Sparsity grows along the same cubic schedule over the first half of the tuning, on the same layers,
here and with tfmot, which trains the same network in tf_keras. Variants "after training" are not
tuned: they are made in one call, from the float model and inputs without labels.
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

import numpy as np
from common import tasks
from common.tasks import Task
from common.tfmot_models import pruned_by_tfmot
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

from tfedge import pruning
from tfedge.callbacks import Pruning

FREQUENCY, CALIBRATION = 10, 500

TASKS = (
    tasks.digits("residual", 6000, epochs=8, tuned_epochs=10, gate=True),
    tasks.digits("depthwise", 2000, epochs=12, tuned_epochs=8),
    tasks.words(epochs=8, tuned_epochs=5),
)


@dataclass(frozen=True)
class Result:
    """One line of the CSV file: percent of the test set, and the share of zeros in all kernels."""

    task: str
    seed: int
    variant: str
    accuracy: float
    zeros: float
    parameters: int
    cpu_seconds: float


@dataclass(frozen=True)
class Wanted:
    """How sparse, and what tfmot calls the pattern; None if it has none for convolutions."""

    sparsity: float
    pattern: str
    theirs: dict[str, Any] | None


WANTED = {
    "50 %": Wanted(0.5, "unstructured", {}),
    "80 %": Wanted(0.8, "unstructured", {}),
    "90 %": Wanted(0.9, "unstructured", {}),
    "2:4": Wanted(0.5, "2:4", {"sparsity_m_by_n": (2, 4)}),
    "80 %, 1x4": Wanted(0.8, "1x4", None),
    "half of the channels": Wanted(0.5, "channels", None),
}
ONE_SHOT = ("50 %", "2:4")


def schedule_of(trial: Trial, wanted: Wanted) -> pruning.PolynomialDecay:
    steps = trial.task.tuned_epochs * -(-len(trial.split.x_train) // 32)
    end = steps // 2 // FREQUENCY * FREQUENCY
    return pruning.PolynomialDecay(wanted.sparsity, end, frequency=FREQUENCY)


def continued(trial: Trial) -> Any:
    model = trial.model()
    trial.fit(model, trial.task.tuned_epochs, RECOVERY_RATE)
    return model


def pruned(wanted: Wanted, trial: Trial, **options: Any) -> Any:
    model = trial.model()
    callback = Pruning(schedule_of(trial, wanted), wanted.pattern, **options)
    trial.fit(model, trial.task.tuned_epochs, RECOVERY_RATE, callbacks=[callback])
    return model


def pruned_as_tfmot_does(wanted: Wanted, trial: Trial) -> Any:
    return pruned_by_tfmot(
        trial, schedule_of(trial, wanted), trial.task.tuned_epochs, RECOVERY_RATE, wanted.pattern,
        **wanted.theirs,
    )  # fmt: skip


def after_training(wanted: Wanted, trial: Trial, calibrated: bool) -> Any:
    calibration = trial.split.x_train[:CALIBRATION] if calibrated else None
    return pruning.prune(trial.model(), wanted.sparsity, wanted.pattern, calibration=calibration)


def variants() -> dict[str, Callable[[Trial], Any]]:
    made: dict[str, Callable[[Trial], Any]] = {CONTINUED: continued}
    for name, wanted in WANTED.items():
        made[name] = functools.partial(pruned, wanted)
        if wanted.theirs is not None:
            made[f"{name}, tfmot"] = functools.partial(pruned_as_tfmot_does, wanted)
    made["80 %, global"] = functools.partial(pruned, WANTED["80 %"], distribution="global")
    for name in ONE_SHOT:
        for how, calibrated in (("by magnitude", False), ("with calibration", True)):
            made[f"{name} after training, {how}"] = functools.partial(
                after_training, WANTED[name], calibrated=calibrated
            )
    return made


VARIANTS = variants()
BY_TFMOT = [name for name, wanted in WANTED.items() if wanted.theirs is not None]
# A variant, what it is compared with, and how many points it may lie below at most.
TARGETS = (("80 %", FLOAT, 0.2), ("80 %", CONTINUED, 0.2))


def run_trial(task: Task, seed: int, folder: Path) -> list[Result]:
    start = time.process_time()
    trial, model = trained_trial(task, seed, folder)
    results = [_result(trial, FLOAT, model, start)]
    for name, variant in VARIANTS.items():
        start = time.process_time()
        results.append(_result(trial, name, variant(trial), start))
    return results


def _result(trial: Trial, variant: str, model: Any, start: float) -> Result:
    kernels = [weight.numpy() for weight in model.weights if len(weight.shape) > 1]
    size = sum(kernel.size for kernel in kernels)
    zeros = sum(int((kernel == 0).sum()) for kernel in kernels) / size
    accuracy = trial.accuracy(model.predict(trial.split.x_test, 500, verbose=0))
    return Result(
        trial.task.name, trial.seed, variant, accuracy, round(zeros, 4), model.count_params(),
        round(time.process_time() - start, 1),
    )  # fmt: skip


def accuracies(results: list[Result], variant: str) -> np.ndarray:
    """By seed."""
    return np.array([result.accuracy for result in results if result.variant == variant])


def table_of(results: list[Result]) -> Table:
    title = f"{results[0].task}, {results[0].parameters:,} parameters"
    table = Table("variant", "zeros", "mean %", "minus float", "minus float, continued",
                  "minus tfmot", title=title)  # fmt: skip
    for variant in (FLOAT, *VARIANTS):
        values = accuracies(results, variant)
        zeros = np.mean([result.zeros for result in results if result.variant == variant])
        row = [variant, f"{zeros:.1%}", f"{values.mean():.2f}"]
        row += [described(values - accuracies(results, other)) for other in (FLOAT, CONTINUED)]
        if variant in BY_TFMOT:
            row.append(described(values - accuracies(results, f"{variant}, tfmot")))
        table.add_row(*row)
    return table


def verdicts(results: list[Result], task: Task) -> list[str]:
    """What the targets say; below tfmot's is what the interval of the difference excludes."""
    lines = []
    for variant, reference, allowed in TARGETS if task.gate else ():
        difference = accuracies(results, variant) - accuracies(results, reference)
        lines.append(
            f"{variant} against {reference}: {described(difference)}, at least {-allowed}: "
            f"{met(difference.mean() >= -allowed)}"
        )
    for variant in BY_TFMOT:
        difference = accuracies(results, variant) - accuracies(results, f"{variant}, tfmot")
        spread = difference.std(ddof=1) if len(difference) > 1 else 0.0
        lines.append(
            f"{variant} against tfmot: {described(difference)}, at least -sd: "
            f"{met(difference.mean() >= -spread)}"
        )
    return lines


def report(results: list[Result], task: Task) -> list[Any]:
    return [table_of(results), *verdicts(results, task)]


if __name__ == "__main__":
    run_trials(__doc__, TASKS, run_trial, report)
