"""Accuracy after post-training quantisation, on real data, beside the peers' files.

    python benchmarks/post_training_accuracy.py --data FOLDER --seeds 5 --csv results.csv

FOLDER holds mnist/ and fsdd/ as real_data.py describes; what is missing is skipped. The nets and
their training are those of qat_accuracy.py. A seed draws the training data and the first weights;
every file is made of the same float model with the same 200 training inputs, without their labels:
by tfedge, by TensorFlow's converter and by ai-edge-quantizer, which is given the extremes of these
inputs. Accuracy is that of the file in LiteRT on all test inputs.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from common.tasks import Task
from common.trials import FLOAT, described, met, run_trials, trained_trial
from post_training import AI_EDGE_RECIPES, by_ai_edge_quantizer, real_outputs
from qat_accuracy import TASKS
from rich.table import Table

import tfedge
from tfedge_converters.export import export_keras
from tfedge_converters.ptq import METHODS
from tfedge_converters.quiet import quiet
from tfedge_converters.verify.engines import run_litert

OURS = "tfedge"
CALIBRATION = 200
INT16 = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
# What int8 may lose of float on the first task, in points.
ALLOWED = 0.2


@dataclass
class Subject:
    """A trained float model and the inputs to calibrate it with."""

    model: object
    flatbuffer: bytes
    calibration: np.ndarray


@dataclass(frozen=True)
class Result:
    """One line of the CSV file; accuracy is in percent."""

    task: str
    seed: int
    made_by: str
    scheme: str
    accuracy: float


def ours(scheme: str, method: str | None, subject: Subject) -> bytes:
    return tfedge.convert(
        subject.flatbuffer, target="tflite", quantization=scheme, calibration_method=method,
        calibration=subject.calibration if method else None,
        input_type="float32", output_type="float32",
    ).flatbuffer  # fmt: skip


def by_tensorflow(supported: tf.lite.OpsSet | None, subject: Subject) -> bytes:
    """Without a set of operators, weights alone are quantised."""

    def representative() -> Iterator[list[np.ndarray]]:
        for sample in subject.calibration:
            yield [sample[np.newaxis]]

    with quiet():
        converter = tf.lite.TFLiteConverter.from_keras_model(subject.model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if supported is not None:
            converter.representative_dataset = representative
            converter.target_spec.supported_ops = [supported]
        result: bytes = converter.convert()
        return result


# The nets have no dense layer that blocks divide.
AI_EDGE = {
    scheme: recipe for scheme, _, recipe in AI_EDGE_RECIPES if not scheme.startswith("dynamic4_")
}
WAYS: dict[tuple[str, str], Callable[[Subject], bytes]] = {
    **{(OURS, f"int8, {method}"): functools.partial(ours, "int8", method) for method in METHODS},
    (OURS, "int16x8"): functools.partial(ours, "int16x8", "minmax"),
    (OURS, "int4"): functools.partial(ours, "int4", "minmax"),
    **{
        (OURS, scheme): functools.partial(ours, scheme, None)
        for scheme in ("float16", "dynamic", "dynamic4", "weights8", "weights4")
    },
    ("TensorFlow", "int8"): functools.partial(by_tensorflow, tf.lite.OpsSet.TFLITE_BUILTINS_INT8),
    ("TensorFlow", "int16x8"): functools.partial(by_tensorflow, INT16),
    ("TensorFlow", "dynamic"): functools.partial(by_tensorflow, None),
    **{
        ("ai-edge-quantizer", scheme): functools.partial(by_ai_edge_quantizer, recipe)
        for scheme, recipe in AI_EDGE.items()
    },
}


def run_trial(task: Task, seed: int, folder: Path) -> list[Result]:
    trial, model = trained_trial(task, seed, folder)
    flatbuffer = export_keras(model)
    rows = np.random.default_rng(seed).permutation(len(trial.split.x_train))[:CALIBRATION]
    subject = Subject(model, flatbuffer, trial.split.x_train[rows])

    def judged(made_by: str, scheme: str, made: bytes) -> Result:
        found = trial.accuracy(real_outputs(made, trial.split.x_test, run_litert))
        return Result(task.name, seed, made_by, scheme, found)

    return [
        judged(FLOAT, FLOAT, flatbuffer),
        *(judged(who, scheme, make(subject)) for (who, scheme), make in WAYS.items()),
    ]


def accuracies(results: list[Result], task: str, who: str, scheme: str) -> np.ndarray:
    wanted = task, who, scheme
    return np.array([r.accuracy for r in results if (r.task, r.made_by, r.scheme) == wanted])


def table_of(results: list[Result], task: str) -> Table:
    table = Table("made by", "scheme", "mean %", "minus float", title=task)
    real = accuracies(results, task, FLOAT, FLOAT)
    for who, scheme in ((FLOAT, FLOAT), *WAYS):
        found = accuracies(results, task, who, scheme)
        table.add_row(who, scheme, f"{found.mean():.2f}", described(found - real))
    return table


def comparisons(results: list[Result], task: str) -> Iterator[str]:
    """Ours minus each peer's, in pairs."""
    for who, scheme in WAYS:
        if who != OURS:
            mine = f"{scheme}, minmax" if scheme == "int8" else scheme
            gained = accuracies(results, task, OURS, mine)
            gained = gained - accuracies(results, task, who, scheme)
            yield f"{task}, {scheme}: {OURS} minus {who} {described(gained)}"


def verdict(results: list[Result], task: Task) -> str:
    real, found = (
        accuracies(results, task.name, *way).mean()
        for way in ((FLOAT, FLOAT), (OURS, "int8, minmax"))
    )
    lost = real - found
    return f"int8 loses {lost:.2f} points, at most {ALLOWED}: {met(lost <= ALLOWED)}"


def report(results: list[Result], task: Task) -> list[Any]:
    lines = [table_of(results, task.name), *comparisons(results, task.name)]
    return [*lines, verdict(results, task)] if task.gate else lines


if __name__ == "__main__":
    judged = [task for task in TASKS if task.name != "gestures"]
    run_trials(__doc__, judged, run_trial, report, width=140)
