"""What recovery without labels wins back after quantisation, on real data.

    python benchmarks/recovery.py --data FOLDER --seeds 5 --csv results.csv
    python benchmarks/recovery.py --data FOLDER --network residual
    python benchmarks/recovery.py --model ic_float.tflite

FOLDER holds mnist/ as real_data.py describes. The nets and their training are those of the first
task of qat_accuracy.py, or with --network residual of pruning_accuracy.py. A seed draws the
training data and the first weights; every variant quantises the same float model, calibrated with
the same 500 training images, without their labels. Accuracy is that of the .tflite file in LiteRT
on all 10,000 test images; seconds are those of the whole conversion, of one CPU. With --model,
signal to noise at the output of a float .tflite model of images from 0 to 255 instead, on smooth
random images that calibration has not seen.
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

import numpy as np
import pruning_accuracy
import tensorflow as tf
from common.trials import Trial, described, trained_trial, write_csv
from qat_accuracy import CALIBRATION, TASKS
from rich.console import Console
from rich.table import Table

import tfedge
from tfedge_converters.export import export_keras
from tfedge_converters.graph import read_model
from tfedge_converters.ptq.noise import decibels, noise
from tfedge_converters.verify.engines import run_litert

EQUALIZE, CLIP, CORRECT = "equalization", "clip_search", "bias_correction"
ROUND, BLOCKS = "adaround", "block_adaround"
Recoveries = tuple[tuple[str, ...], ...]
RECOVERIES: Recoveries = (
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
# Those that a given model is measured with.
FEW = ((), (CORRECT,), (ROUND,), (BLOCKS,), (CLIP, ROUND), (CLIP, BLOCKS))
# And the network with residual blocks; in a chain, blocks are layers.
BY_BLOCKS = (*FEW, (CLIP, ROUND, CORRECT), (CLIP, BLOCKS, CORRECT))
NETWORKS = {
    "depthwise": (TASKS[0], RECOVERIES),
    "residual": (pruning_accuracy.TASKS[0], BY_BLOCKS),
}
# What recovered int4 weights may lose, in points, where plain rounding loses more.
ALLOWED, BEST = 1.0, (ROUND,)
# Images to calibrate a given model with, and to judge it by.
SEEN, UNSEEN = 256, 144


@dataclass(frozen=True)
class Result:
    """One line of the CSV file; accuracies are in percent, `snr_db` is that of the logits."""

    seed: int
    scheme: str
    recovery: str
    float_accuracy: float
    accuracy: float
    snr_db: float
    cpu_seconds: float

    @property
    def difference(self) -> float:
        """Points above the float model."""
        return self.accuracy - self.float_accuracy


def logits(flatbuffer: bytes, x: np.ndarray) -> np.ndarray:
    results = run_litert(flatbuffer, [[sample[np.newaxis]] for sample in x])
    return np.concatenate([result for (result,) in results])


def converted(
    flatbuffer: bytes, scheme: str, samples: np.ndarray, recovery: tuple[str, ...]
) -> bytes:
    return tfedge.convert(
        flatbuffer, target="tflite", quantization=scheme, calibration=samples, recovery=recovery,
        input_type="float32", output_type="float32",
    ).flatbuffer  # fmt: skip


def results_of(trial: Trial, recoveries: Recoveries) -> list[Result]:
    flatbuffer = export_keras(trial.model())
    real = logits(flatbuffer, trial.split.x_test)
    results = []
    for scheme in SCHEMES:
        for recovery in recoveries:
            start = time.process_time()
            made = converted(flatbuffer, scheme, trial.split.x_train[:CALIBRATION], recovery)
            seconds = round(time.process_time() - start, 2)
            found = logits(made, trial.split.x_test)
            accuracies = trial.accuracy(real), trial.accuracy(found)
            snr = float(decibels(noise(real, found)))
            results.append(
                Result(trial.seed, scheme, _named(recovery), *accuracies, round(snr, 2), seconds)
            )
    return results


def _named(recovery: tuple[str, ...]) -> str:
    return " + ".join(recovery) or "none"


def chosen(results: list[Result], scheme: str, recovery: tuple[str, ...]) -> list[Result]:
    wanted = scheme, _named(recovery)
    return [r for r in results if (r.scheme, r.recovery) == wanted]


def differences(results: list[Result], scheme: str, recovery: tuple[str, ...]) -> np.ndarray:
    return np.array([r.difference for r in chosen(results, scheme, recovery)])


def table_of(results: list[Result], scheme: str, recoveries: Recoveries) -> Table:
    table = Table("recovery", "minus float", "minus plain", "dB", "CPU s", title=scheme)
    plain = differences(results, scheme, ())
    for recovery in recoveries:
        found = differences(results, scheme, recovery)
        lines = chosen(results, scheme, recovery)
        table.add_row(
            _named(recovery),
            described(found),
            described(found - plain) if recovery else "",
            f"{np.mean([r.snr_db for r in lines]):.1f}",
            f"{np.median([r.cpu_seconds for r in lines]):.1f}",
        )
    return table


def gains_of_blocks(results: list[Result], scheme: str) -> Table:
    """How far learning by blocks is above learning by layers, in pairs."""
    table = Table("blocks minus layers", "points", "dB", title=scheme)
    for others in ((), (CLIP,)):
        pair = [chosen(results, scheme, (*others, step)) for step in (BLOCKS, ROUND)]
        points, snr = (
            np.subtract(*([getattr(r, name) for r in lines] for lines in pair))
            for name in ("accuracy", "snr_db")
        )
        table.add_row(_named((*others, BLOCKS)), described(points), described(snr))
    return table


def verdict(results: list[Result]) -> str:
    plain, found = (differences(results, "int4", recovery).mean() for recovery in ((), BEST))
    word = "met" if found >= -ALLOWED else "MISSED"
    return (
        f"int4 with {_named(BEST)} loses {-found:.2f} points where plain rounding loses "
        f"{-plain:.2f}, at most {ALLOWED}: {word}"
    )


def images(model: bytes, count: int) -> np.ndarray:
    """Random images of 4x4 patches of one colour each, from 0 to 255."""
    (source,) = read_model(model).main.inputs
    _, height, width, channels = source.shape
    coarse = np.random.default_rng(11).random((count, 4, 4, channels)) * 255
    return np.kron(coarse, np.ones((1, height // 4, width // 4, 1))).astype(np.float32)


def model_table(flatbuffer: bytes) -> Table:
    """Decibels on images that calibration has not seen."""
    table = Table("weights", "recovery", "dB", "CPU s")
    x = images(flatbuffer, SEEN + UNSEEN)
    real = logits(flatbuffer, x[SEEN:])
    for scheme in SCHEMES:
        for recovery in FEW:
            start = time.process_time()
            made = converted(flatbuffer, scheme, x[:SEEN], recovery)
            seconds = time.process_time() - start
            found = decibels(noise(real, logits(made, x[SEEN:])))
            table.add_row(scheme, _named(recovery), f"{found:.1f}", f"{seconds:.1f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--data", type=Path)
    chosen.add_argument("--model", type=Path)
    parser.add_argument("--network", choices=NETWORKS, default="depthwise")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    console = Console(width=140)
    if arguments.model:
        console.print(model_table(arguments.model.read_bytes()))
        return
    tf.config.threading.set_intra_op_parallelism_threads(1)
    task, recoveries = NETWORKS[arguments.network]
    results: list[Result] = []
    for seed in range(arguments.seeds):
        trial, _ = trained_trial(task, seed, arguments.data)
        results += results_of(trial, recoveries)
        if arguments.csv:
            write_csv(arguments.csv, results)
    for scheme in SCHEMES:
        console.print(table_of(results, scheme, recoveries))
        if (BLOCKS,) in recoveries:
            console.print(gains_of_blocks(results, scheme))
    console.print(verdict(results), highlight=False)


if __name__ == "__main__":
    main()
