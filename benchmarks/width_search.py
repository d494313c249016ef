"""What choosing widths layer by layer is worth at equal flash or RAM, on real data.

    python benchmarks/width_search.py --data FOLDER --seeds 5 --csv results.csv
    python benchmarks/width_search.py --data FOLDER --seeds 5 --limit ram

Data, net and training are those of recovery.py. Flash: against weights of 4 bits throughout, and
the usual rule, 8 bits for the first and the last layer and 4 between them, stands what
`tfedge.search_widths` finds with the flash of that rule, and with a quarter of what lies between 4
and 8 bits throughout. RAM: against activations of 8 and of 16 bits throughout, with weights of 8,
stands what it finds with the arena of generated C that 8 bits need, with the one that 16 bits need,
and half of the way. Noise is that at the output, on 200 training images without their labels.
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
from common.trials import Trial, described, trained_trial, write_csv
from qat_accuracy import TASKS
from recovery import logits
from rich.console import Console
from rich.table import Table

import tfedge
from tfedge.quantization.schemes import Scheme, WeightScheme
from tfedge_converters.export import export_keras
from tfedge_converters.ptq.noise import decibels, noise

CALIBRATION = 200
FOUR, RULE, SEARCHED, QUARTER, EIGHT = (
    "4 bits", "first and last 8, others 4", "searched, flash of that rule",
    "searched, a quarter of the way to 8", "8 bits",
)  # fmt: skip
NARROW, SAME, HALF, FULL, WIDE = (
    "8 bits", "searched, that arena", "searched, half of the way to 16",
    "searched, the arena of 16", "16 bits",
)  # fmt: skip
# Of the way from the arena of 8 bits to that of 16.
SHARES = {SAME: 0.0, HALF: 0.5, FULL: 1.0}
# The variants of a limit, and the one that others are compared with.
VARIANTS = {
    "flash": (FOUR, RULE, SEARCHED, QUARTER, EIGHT),
    "ram": (NARROW, SAME, HALF, FULL, WIDE),
}
COMPARED = {"flash": RULE, "ram": NARROW}
CORE = "cortex-m4"


@dataclass(frozen=True)
class Result:
    """One line of the CSV file; sizes are in bytes, accuracies in percent."""

    seed: int
    variant: str
    flash: int
    arena: int
    decibels: float
    float_accuracy: float
    accuracy: float


class Comparison:
    """Variants of one trained net.

    Attributes:
        results: of those judged so far, by variant.
    """

    def __init__(self, trial: Trial):
        self.trial = trial
        self.model = trial.model()
        self.flatbuffer = export_keras(self.model)
        self.samples = trial.split.x_train[:CALIBRATION]
        self.results: dict[str, Result] = {}
        self._real = logits(self.flatbuffer, trial.split.x_test)
        self._real_seen = logits(self.flatbuffer, self.samples)

    def judge(self, variant: str, scheme: str | Scheme) -> None:
        """Converts the net and measures what became of it."""
        ends: dict[str, Any] = {"input_type": "float32", "output_type": "float32"}
        run = self._converted("tflite", scheme, **ends).flatbuffer
        found = self.trial.accuracy(logits(run, self.trial.split.x_test))
        level = decibels(noise(self._real_seen, logits(run, self.samples)))
        source = self._converted(CORE, scheme).source
        self.results[variant] = Result(
            self.trial.seed,
            variant,
            len(self._converted("tflite", scheme, name="model").flatbuffer),
            source.plan.arena_bytes,
            round(level, 2),
            self.trial.accuracy(self._real),
            found,
        )

    def search(self, variant: str, **limits: Any) -> None:
        """Judges the scheme that `tfedge.search_widths` finds within limits."""
        found = tfedge.search_widths(
            self.flatbuffer, calibration=self.samples, samples=CALIBRATION, **limits
        )
        self.judge(variant, found.scheme)

    def _converted(self, target: str, scheme: str | Scheme, **options: Any) -> Any:
        return tfedge.convert(
            self.flatbuffer, target=target, quantization=scheme, calibration=self.samples, **options
        )


def with_less_flash(comparison: Comparison) -> None:
    comparison.judge(FOUR, "int4")
    comparison.judge(EIGHT, "int8")
    comparison.judge(RULE, _first_and_last(comparison.model))
    low, high, rule = (comparison.results[variant].flash for variant in (FOUR, EIGHT, RULE))
    for variant, flash in ((SEARCHED, rule), (QUARTER, low + (high - low) // 4)):
        comparison.search(variant, target="tflite", flash=flash, bits=(4, 8))


def with_more_ram(comparison: Comparison) -> None:
    comparison.judge(NARROW, "int8")
    comparison.judge(WIDE, "int16x8")
    low, high = (comparison.results[variant].arena for variant in (NARROW, WIDE))
    for variant, share in SHARES.items():
        ram = low + int(share * (high - low))
        comparison.search(variant, target=CORE, ram=ram, bits=(8,), activation_bits=(8, 16))


RUNS = {"flash": with_less_flash, "ram": with_more_ram}


def _first_and_last(model: Any) -> Scheme:
    names = [layer.name for layer in model.layers if layer.weights]
    eight = WeightScheme(bits=8)
    return Scheme("rule", WeightScheme(bits=4), overrides={names[0]: eight, names[-1]: eight})


def table_of(results: list[Result], limit: str) -> Table:
    rule = COMPARED[limit]
    table = Table("variant", "flash", "arena", "dB", "minus float", f"minus {rule}")

    def by_seed(variant: str, field: str) -> np.ndarray:
        return np.array([getattr(r, field) for r in results if r.variant == variant])

    for variant in VARIANTS[limit]:
        found = by_seed(variant, "accuracy")
        table.add_row(
            variant,
            f"{by_seed(variant, 'flash').mean():,.0f}",
            f"{by_seed(variant, 'arena').mean():,.0f}",
            f"{by_seed(variant, 'decibels').mean():.1f}",
            described(found - by_seed(variant, "float_accuracy")),
            described(found - by_seed(rule, "accuracy")) if variant != rule else "",
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", choices=tuple(RUNS), default="flash")
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    results: list[Result] = []
    for seed in range(arguments.seeds):
        trial, _ = trained_trial(TASKS[0], seed, arguments.data)
        comparison = Comparison(trial)
        RUNS[arguments.limit](comparison)
        results += comparison.results.values()
        if arguments.csv:
            write_csv(arguments.csv, results)
    Console(width=140).print(table_of(results, arguments.limit))


if __name__ == "__main__":
    main()
