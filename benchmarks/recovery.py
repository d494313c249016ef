"""What recovery without labels wins back after quantisation, on real data.

    python benchmarks/recovery.py --data FOLDER --seeds 5 --csv results.csv

FOLDER holds mnist/ as real_data.py describes. The nets and their training are those of the first
task of qat_accuracy.py. A seed draws the training data and the first weights; every variant
quantises the same float model, calibrated with the same 500 training images, without their labels.
Accuracy is that of the .tflite file in LiteRT on all 10,000 test images; seconds are those of the
whole conversion, of one CPU.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The matrices are small: threads that wait for each other cost more than they do.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import keras
import numpy as np
import tensorflow as tf
from qat_accuracy import CALIBRATION, FLOAT_RATE, TASKS, Trial, described, write_csv
from rich.console import Console
from rich.table import Table

import tfedge
from tfedge_converters.export import export_keras
from tfedge_converters.verify.engines import run_litert

EQUALIZE, CLIP, ROUND, CORRECT = "equalization", "clip_search", "adaround", "bias_correction"
RECOVERIES: tuple[tuple[str, ...], ...] = (
    (),
    (EQUALIZE,),
    (CLIP,),
    (CORRECT,),
    (ROUND,),
    (EQUALIZE, CORRECT),
    (CLIP, CORRECT),
    (CLIP, ROUND),
    (ROUND, CORRECT),
    (CLIP, ROUND, CORRECT),
    (EQUALIZE, CLIP, ROUND, CORRECT),
)
SCHEMES = ("int8", "int4")
# What recovered int4 weights may lose, in points, where plain rounding loses more.
ALLOWED, BEST = 1.0, (ROUND,)


@dataclass(frozen=True)
class Result:
    """One line of the CSV file; accuracies are in percent."""

    seed: int
    scheme: str
    recovery: str
    float_accuracy: float
    accuracy: float
    cpu_seconds: float

    @property
    def difference(self) -> float:
        """Points above the float model."""
        return self.accuracy - self.float_accuracy


def logits(flatbuffer: bytes, x: np.ndarray) -> np.ndarray:
    results = run_litert(flatbuffer, [[sample[np.newaxis]] for sample in x])
    return np.concatenate([result for (result,) in results])


def trained(seed: int, folder: Path) -> Trial:
    task = TASKS[0]
    trial = Trial(task, seed, task.load(folder, seed))
    keras.utils.set_random_seed(seed)
    model = trial.model()
    trial.fit(model, task.epochs, FLOAT_RATE)
    trial.weights = model.get_weights()
    return trial


def results_of(trial: Trial) -> list[Result]:
    flatbuffer = export_keras(trial.model())
    real = trial.accuracy(logits(flatbuffer, trial.split.x_test))
    results = []
    for scheme in SCHEMES:
        for recovery in RECOVERIES:
            start = time.process_time()
            artifact = tfedge.convert(
                flatbuffer,
                target="tflite",
                quantization=scheme,
                calibration=trial.split.x_train[:CALIBRATION],
                recovery=recovery,
                input_type="float32",
                output_type="float32",
            )
            seconds = round(time.process_time() - start, 2)
            found = trial.accuracy(logits(artifact.flatbuffer, trial.split.x_test))
            results.append(Result(trial.seed, scheme, _named(recovery), real, found, seconds))
    return results


def _named(recovery: tuple[str, ...]) -> str:
    return " + ".join(recovery) or "none"


def differences(results: list[Result], scheme: str, recovery: tuple[str, ...]) -> np.ndarray:
    wanted = scheme, _named(recovery)
    return np.array([r.difference for r in results if (r.scheme, r.recovery) == wanted])


def table_of(results: list[Result], scheme: str) -> Table:
    table = Table("recovery", "minus float", "minus plain", "CPU s", title=scheme)
    plain = differences(results, scheme, ())
    for recovery in RECOVERIES:
        found = differences(results, scheme, recovery)
        seconds = [r.cpu_seconds for r in results
                   if (r.scheme, r.recovery) == (scheme, _named(recovery))]  # fmt: skip
        table.add_row(
            _named(recovery),
            described(found),
            described(found - plain) if recovery else "",
            f"{np.median(seconds):.1f}",
        )
    return table


def verdict(results: list[Result]) -> str:
    plain, found = (differences(results, "int4", recovery).mean() for recovery in ((), BEST))
    word = "met" if found >= -ALLOWED else "MISSED"
    return (
        f"int4 with {_named(BEST)} loses {-found:.2f} points where plain rounding loses "
        f"{-plain:.2f}, at most {ALLOWED}: {word}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    results: list[Result] = []
    for seed in range(arguments.seeds):
        results += results_of(trained(seed, arguments.data))
        if arguments.csv:
            write_csv(arguments.csv, results)
    console = Console(width=140)
    for scheme in SCHEMES:
        console.print(table_of(results, scheme))
    console.print(verdict(results), highlight=False)


if __name__ == "__main__":
    main()
