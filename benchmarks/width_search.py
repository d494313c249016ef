"""What choosing widths of weights layer by layer is worth at equal flash, on real data.

    python benchmarks/width_search.py --data FOLDER --seeds 5 --csv results.csv

Data, net and training are those of recovery.py. Against weights of 4 bits throughout, and the
usual rule, 8 bits for the first and the last layer and 4 between them, stands what
`tfedge.search_widths` finds with the flash of that rule, and with a quarter of what lies between 4
and 8 bits throughout. Noise is that at the output, on 200 training images without their labels.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import tensorflow as tf
from recovery import logits, trained
from rich.console import Console
from rich.table import Table
from trials import Trial, described, write_csv

import tfedge
from tfedge.quantization.schemes import Scheme, WeightScheme
from tfedge_converters.export import export_keras
from tfedge_converters.quantize.noise import decibels, noise

CALIBRATION = 200
FOUR, RULE, SEARCHED, QUARTER, EIGHT = (
    "4 bits", "first and last 8, others 4", "searched, flash of that rule",
    "searched, a quarter of the way to 8", "8 bits",
)  # fmt: skip
VARIANTS = (FOUR, RULE, SEARCHED, QUARTER, EIGHT)


@dataclass(frozen=True)
class Result:
    """One line of the CSV file; accuracies are in percent."""

    seed: int
    variant: str
    flash: int
    decibels: float
    float_accuracy: float
    accuracy: float


def results_of(trial: Trial) -> list[Result]:
    model = trial.model()
    flatbuffer = export_keras(model)
    samples = trial.split.x_train[:CALIBRATION]
    real = logits(flatbuffer, trial.split.x_test)
    real_seen = logits(flatbuffer, samples)
    sizes: dict[str, int] = {}
    results = []

    def judge(variant: str, scheme: str | Scheme) -> None:
        artifact = tfedge.convert(
            flatbuffer, target="tflite", quantization=scheme, calibration=samples, name="model"
        )
        sizes[variant] = len(artifact.flatbuffer)
        ends: dict[str, Any] = {"input_type": "float32", "output_type": "float32"}
        run = tfedge.convert(
            flatbuffer, target="tflite", quantization=scheme, calibration=samples, **ends
        ).flatbuffer
        found = trial.accuracy(logits(run, trial.split.x_test))
        level = decibels(noise(real_seen, logits(run, samples)))
        results.append(
            Result(
                trial.seed, variant, sizes[variant], round(level, 2), trial.accuracy(real), found
            )
        )

    def searched(variant: str, flash: int) -> None:
        search = tfedge.search_widths(
            flatbuffer, calibration=samples, target="tflite", flash=flash, bits=(4, 8),
            samples=CALIBRATION,
        )  # fmt: skip
        judge(variant, search.scheme)

    judge(FOUR, "int4")
    judge(EIGHT, "int8")
    judge(RULE, _first_and_last(model))
    searched(SEARCHED, sizes[RULE])
    searched(QUARTER, sizes[FOUR] + (sizes[EIGHT] - sizes[FOUR]) // 4)
    return results


def _first_and_last(model: Any) -> Scheme:
    names = [layer.name for layer in model.layers if layer.weights]
    eight = WeightScheme(bits=8)
    return Scheme("rule", WeightScheme(bits=4), overrides={names[0]: eight, names[-1]: eight})


def table_of(results: list[Result]) -> Table:
    table = Table("weights", "flash", "dB", "minus float", "minus the rule")

    def by_seed(variant: str, field: str) -> np.ndarray:
        return np.array([getattr(r, field) for r in results if r.variant == variant])

    for variant in VARIANTS:
        found = by_seed(variant, "accuracy")
        table.add_row(
            variant,
            f"{by_seed(variant, 'flash').mean():,.0f}",
            f"{by_seed(variant, 'decibels').mean():.1f}",
            described(found - by_seed(variant, "float_accuracy")),
            described(found - by_seed(RULE, "accuracy")) if variant != RULE else "",
        )
    return table


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
    Console(width=140).print(table_of(results))


if __name__ == "__main__":
    main()
