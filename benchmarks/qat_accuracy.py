"""What quantization-aware training wins back, on real data.

    python benchmarks/qat_accuracy.py --data FOLDER --seeds 5 --csv results.csv

FOLDER holds mnist/, fsdd/ and magic_wand_digits/ as real_data.py describes; what is missing is
skipped. A seed draws the training data and the first weights, trains a float model, and gives that
model to every variant, so that variants are compared in pairs. Every tuned variant, float as well,
gets the same epochs, learning rates and batches. Integer variants are judged by what TFLite Micro
computes from the .tflite file; the last column counts the outputs, of the first thousand samples,
in which `predict` of the quantised model differs from it.
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
from common.tfmot_models import by_tensorflow, tfmot_model
from common.trials import CONTINUED, FLOAT, Trial, described, met, run_trials, trained_trial
from rich.table import Table

import tfedge
from tfedge.quantization.policy import INT8, OPERATORS
from tfedge.quantization.schemes import LEARNED_STEP, Scheme, WeightScheme
from tfedge_converters.graph import TensorType, read_model, write_model
from tfedge_converters.verify.engines import run_micro

CALIBRATION, CHECKED = 500, 1000
TFMOT = "tfmot QAT int8"
TASKS = (
    tasks.digits("depthwise", 2000, epochs=15, tuned_epochs=8, gate=True),
    tasks.words(epochs=10, tuned_epochs=5),
    tasks.gestures(epochs=70, tuned_epochs=30),
)


@dataclass(frozen=True)
class Result:
    """One line of the CSV file; `mismatches` is of predict against the device, -1 if not asked."""

    task: str
    seed: int
    variant: str
    accuracy: float
    mismatches: int
    cpu_seconds: float


Outcome = tuple[float, int]


def float_outcome(trial: Trial, model: Any) -> Outcome:
    return trial.accuracy(model.predict(trial.split.x_test, 500, verbose=0)), -1


def on_device(flatbuffer: bytes, x: np.ndarray) -> np.ndarray:
    outputs = run_micro(in_bytes(flatbuffer), [[sample[np.newaxis]] for sample in x])
    return np.concatenate([logits for (logits,) in outputs])


def in_bytes(flatbuffer: bytes) -> bytes:
    """The same network with weights of four bits kept in bytes.

    TFLite Micro unpacks them before it multiplies, but its dense layer knows them with one scale
    for all channels only.
    """
    model = read_model(flatbuffer)
    for operator in model.main.operators:
        packed = [t for t in operator.inputs if t is not None and t.type == TensorType.INT4]
        for tensor in packed:
            tensor.type = TensorType.INT8
            operator.version = OPERATORS[operator.code].versions[INT8]
    return write_model(model)


def flatbuffer_of(model: Any, calibration: Any = None) -> bytes:
    return tfedge.convert(
        model, target="tflite-micro", calibration=calibration,
        input_type="float32", output_type="float32",
    ).flatbuffer  # fmt: skip


def quantized_outcome(trial: Trial, model: Any) -> Outcome:
    logits = on_device(flatbuffer_of(model), trial.split.x_test)
    predicted = model.predict(trial.split.x_test[:CHECKED], 500, verbose=0)
    return trial.accuracy(logits), int((predicted != logits[:CHECKED]).sum())


def ptq_int8(trial: Trial) -> Outcome:
    flatbuffer = flatbuffer_of(trial.model(), trial.split.x_train[:CALIBRATION])
    return trial.accuracy(on_device(flatbuffer, trial.split.x_test)), -1


def ptq_int4(trial: Trial) -> Outcome:
    model = tfedge.quantize(trial.model(), "int4", calibration=trial.split.x_train[:CALIBRATION])
    return quantized_outcome(trial, model)


def qat(scheme: str | Scheme, trial: Trial) -> Outcome:
    return quantized_outcome(trial, trial.tune(tfedge.quantize(trial.model(), scheme)))


def tfmot_qat(trial: Trial) -> Outcome:
    import tf_keras
    from tensorflow_model_optimization.quantization.keras import quantize_model

    quantized = trial.tune(quantize_model(tfmot_model(trial)), tf_keras)
    logits = on_device(by_tensorflow(trial, quantized), trial.split.x_test)
    return trial.accuracy(logits), -1


VARIANTS: dict[str, Callable[[Trial], Outcome]] = {
    FLOAT: lambda trial: float_outcome(trial, trial.model()),
    CONTINUED: lambda trial: float_outcome(trial, trial.tune(trial.model())),
    "PTQ int8": ptq_int8,
    "QAT int8": functools.partial(qat, "int8"),
    TFMOT: tfmot_qat,
    "PTQ int4": ptq_int4,
    "QAT int4": functools.partial(qat, "int4"),
    "QAT int4, learned steps": functools.partial(
        qat, Scheme("learned", WeightScheme(4, quantizer=LEARNED_STEP))
    ),
}

# A variant, what it is compared with, and how many points it may lie below at most.
TARGETS = (
    ("QAT int8", FLOAT, 0.1),
    ("QAT int8", CONTINUED, 0.1),
    ("QAT int8", TFMOT, 0.0),
    ("QAT int4", FLOAT, 0.7),
    ("QAT int4", CONTINUED, 0.7),
)
# What QAT wins back of what PTQ loses, where that is more than a point.
RECOVERED = (("PTQ int8", "QAT int8"), ("PTQ int4", "QAT int4"))
SHARE = 0.75


def run_trial(task: Task, seed: int, folder: Path) -> list[Result]:
    trial, _ = trained_trial(task, seed, folder)
    results = []
    for name, variant in VARIANTS.items():
        start = time.process_time()
        accuracy, mismatches = variant(trial)
        seconds = round(time.process_time() - start, 1)
        results.append(Result(task.name, seed, name, accuracy, mismatches, seconds))
    return results


def accuracies(results: list[Result], task: str, variant: str) -> np.ndarray:
    """By seed."""
    return np.array([r.accuracy for r in results if (r.task, r.variant) == (task, variant)])


def table_of(results: list[Result], task: str) -> Table:
    table = Table("variant", "mean %", "sd", "minus float", "minus float, continued",
                  "predict differs", title=task)  # fmt: skip
    for variant in VARIANTS:
        values = accuracies(results, task, variant)
        found = [r.mismatches for r in results if (r.task, r.variant) == (task, variant)]
        table.add_row(
            variant,
            f"{values.mean():.2f}",
            f"{values.std(ddof=1):.2f}" if len(values) > 1 else "",
            described(values - accuracies(results, task, FLOAT)),
            described(values - accuracies(results, task, CONTINUED)),
            str(sum(found)) if min(found) >= 0 else "",
        )
    return table


def verdicts(results: list[Result], task: Task) -> list[str]:
    """What the targets say of the results."""
    of = functools.partial(accuracies, results, task.name)
    lines = []
    for variant, reference, allowed in TARGETS if task.gate else ():
        difference = of(variant) - of(reference)
        lines.append(
            f"{variant} against {reference}: {described(difference)}, at least {-allowed}: "
            f"{met(difference.mean() >= -allowed)}"
        )
    for ptq, trained in RECOVERED:
        lost = (of(FLOAT) - of(ptq)).mean()
        if lost > 1.0:
            share = (of(trained) - of(ptq)).mean() / lost
            lines.append(
                f"{trained} wins back {share:.0%} of {lost:.2f} points, at least {SHARE:.0%}: "
                f"{met(share >= SHARE)}"
            )
    return lines


def report(results: list[Result], task: Task) -> list[Any]:
    return [table_of(results, task.name), *verdicts(results, task)]


if __name__ == "__main__":
    run_trials(__doc__, TASKS, run_trial, report, width=140)
