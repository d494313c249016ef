"""What sharing weights costs and saves, alone and with pruning, in int8 and on real data.

    python benchmarks/compression_accuracy.py --data FOLDER --seeds 5 --csv results.csv

FOLDER holds mnist/ and fsdd/ as real_data.py describes; what is missing is skipped. A seed draws
the training data and the first weights, trains a float model, and gives it to every variant. Each
stage of a variant, as sharing or training for integers, trains for the same epochs with the same
batches; pruning, and tuning behind removed channels, for twice as many, at half of the first
training's rate. tfmot prunes the layers that we do. Accuracy is that of the file in LiteRT. Sizes
are of .tflite files as zlib compresses them, against the float model's, compressed in the same way.
`zeros` and `values` are of the kernels with 1,000 weights or more, if there are any: the least
share of zeros, and the most different integers.
"""

from __future__ import annotations

import functools
import math
import os
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from common import tasks
from common.tasks import Task
from common.tfmot_models import by_tensorflow, pruned_by_tfmot, tfmot_model
from common.trials import FLOAT, RECOVERY_RATE, Trial, described, met, run_trials, trained_trial
from post_training import real_outputs
from qat_accuracy import CALIBRATION
from rich.table import Table
from smaller_models import by_loss_change

import tfedge
from tfedge.callbacks import Pruning, WeightClustering
from tfedge.pruning import PolynomialDecay
from tfedge_converters.export import export_keras
from tfedge_converters.graph import read_model
from tfedge_converters.verify.engines import run_litert
from tfedge_converters.weight_table import weight_table

CLUSTERS, SPARSITY = 16, 0.8
LARGE = 1000
TASKS = (
    tasks.digits("plain", 2000, epochs=15, tuned_epochs=6, gate=True),
    tasks.digits("residual", 2000, epochs=15, tuned_epochs=6),
    tasks.digits("depthwise", 2000, epochs=15, tuned_epochs=8),
    tasks.words(epochs=10, tuned_epochs=5),
)
PTQ = "PTQ int8"
CLUSTERED, TFMOT_CLUSTERED = "clusters, QAT", "tfmot: clusters, QAT"
BOTH, TFMOT_BOTH = "pruned, clusters, QAT", "tfmot: pruned, clusters, QAT"
THIN = "half the MACs, pruned, clusters, QAT"
# A variant, what it is compared with, how many points it may lie below, how much smaller it is.
TARGETS = ((CLUSTERED, FLOAT, 0.5, 1.0), (BOTH, FLOAT, 0.5, 10.0), (BOTH, TFMOT_BOTH, 0.0, 1.0))


@dataclass(frozen=True)
class Result:
    """One line of the CSV file."""

    task: str
    seed: int
    variant: str
    accuracy: float
    bytes: int
    compressed: int
    zeros: float
    values: int
    cpu_seconds: float


def measured(trial: Trial, flatbuffer: bytes) -> tuple[float, int, int, float, int]:
    """Accuracy, bytes, compressed bytes, least share of zeros, most values."""
    rows = [row for row in weight_table(read_model(flatbuffer)) if row.weights >= LARGE]
    return (
        trial.accuracy(real_outputs(flatbuffer, trial.split.x_test, run_litert)),
        len(flatbuffer),
        len(zlib.compress(flatbuffer, 9)),
        min((row.zeros / row.weights for row in rows), default=math.nan),
        max((row.values for row in rows), default=0),
    )


def converted(model: Any, calibration: Any = None) -> bytes:
    return tfedge.convert(
        model, target="tflite-micro", calibration=calibration,
        input_type="float32", output_type="float32",
    ).flatbuffer  # fmt: skip


def schedule_of(trial: Trial) -> PolynomialDecay:
    """All zeros are there behind as many steps as follow."""
    return PolynomialDecay(SPARSITY, len(trial.batches(trial.task.tuned_epochs)), frequency=20)


def prune(trial: Trial, model: Any) -> None:
    callbacks = [Pruning(schedule_of(trial))]
    trial.fit(model, 2 * trial.task.tuned_epochs, RECOVERY_RATE, callbacks=callbacks)


def share(trial: Trial, model: Any) -> None:
    trial.tune(model, callbacks=[WeightClustering(CLUSTERS)])


def thin_model(trial: Trial) -> Any:
    """The float model without the channels that matter least, tuned."""
    thin = by_loss_change(trial)
    trial.fit(thin, 2 * trial.task.tuned_epochs, RECOVERY_RATE)
    return thin


def trained(trial: Trial, model: Any, *stages: Callable[[Trial, Any], None]) -> bytes:
    """What is left of a float model behind some stages and training for integers."""
    for stage in stages:
        stage(trial, model)
    return converted(trial.tune(tfedge.quantize(model, "int8")))


def tfmot_prune(trial: Trial) -> Any:
    return pruned_by_tfmot(trial, schedule_of(trial), 2 * trial.task.tuned_epochs, RECOVERY_RATE)


def tfmot_share(trial: Trial, model: Any) -> Any:
    import tf_keras
    from tensorflow_model_optimization.clustering import keras as clustering

    start = clustering.CentroidInitialization.KMEANS_PLUS_PLUS
    clustered = clustering.cluster_weights(model, CLUSTERS, start, preserve_sparsity=True)
    return clustering.strip_clustering(trial.tune(clustered, tf_keras))


def tfmot_trained(trial: Trial, model: Any) -> bytes:
    """What is left of a float model behind training for integers."""
    import tf_keras
    from tensorflow_model_optimization.experimental import combine
    from tensorflow_model_optimization.quantization import keras as quantization

    annotated = quantization.quantize_annotate_model(model)
    quantized = quantization.quantize_apply(
        annotated, combine.Default8BitClusterPreserveQuantizeScheme(preserve_sparsity=True)
    )
    trial.tune(quantized, tf_keras)
    return by_tensorflow(trial, quantized)


VARIANTS: dict[str, Callable[[Trial], bytes]] = {
    PTQ: lambda trial: converted(trial.model(), trial.split.x_train[:CALIBRATION]),
    CLUSTERED: lambda trial: trained(trial, trial.model(), share),
    TFMOT_CLUSTERED: lambda trial: tfmot_trained(trial, tfmot_share(trial, tfmot_model(trial))),
    BOTH: lambda trial: trained(trial, trial.model(), prune, share),
    TFMOT_BOTH: lambda trial: tfmot_trained(trial, tfmot_share(trial, tfmot_prune(trial))),
    THIN: lambda trial: trained(trial, thin_model(trial), prune, share),
}


def run_trial(task: Task, seed: int, folder: Path) -> list[Result]:
    trial, model = trained_trial(task, seed, folder)
    flatbuffer = export_keras(model)
    accuracy = trial.accuracy(model.predict(trial.split.x_test, 500, verbose=0))
    size = len(zlib.compress(flatbuffer, 9))
    results = [Result(task.name, seed, FLOAT, accuracy, len(flatbuffer), size, 0.0, 0, 0.0)]
    for name, variant in VARIANTS.items():
        start = time.process_time()
        made = measured(trial, variant(trial))
        cpu_seconds = round(time.process_time() - start, 1)
        results.append(Result(task.name, seed, name, *made, cpu_seconds))
    return results


def column(results: list[Result], variant: str, name: str) -> np.ndarray:
    """A column of a variant, by seed."""
    return np.array([getattr(result, name) for result in results if result.variant == variant])


def smaller(results: list[Result], variant: str, reference: str) -> np.ndarray:
    """How many times smaller a variant is, compressed, by seed."""
    return column(results, reference, "compressed") / column(results, variant, "compressed")


def table_of(results: list[Result]) -> Table:
    table = Table("variant", "mean %", "minus float", "bytes", "compressed", "times smaller",
                  "zeros", "values", title=results[0].task)  # fmt: skip
    for variant in (FLOAT, *VARIANTS):
        of = functools.partial(column, results, variant)
        table.add_row(
            variant,
            f"{of('accuracy').mean():.2f}",
            described(of("accuracy") - column(results, FLOAT, "accuracy")),
            f"{of('bytes').mean():,.0f}",
            f"{of('compressed').mean():,.0f}",
            f"{smaller(results, variant, FLOAT).mean():.1f}",
            f"{np.nanmin(of('zeros')):.1%}" if of("values").any() else "",
            str(of("values").max() or ""),
        )
    return table


def verdicts(results: list[Result], task: Task) -> list[str]:
    """What the targets say of the results."""
    lines = []
    for variant, reference, allowed, times in TARGETS if task.gate else ():
        difference = column(results, variant, "accuracy") - column(results, reference, "accuracy")
        ratio = smaller(results, variant, reference).mean()
        lines.append(
            f"{variant} against {reference}: {described(difference)}, at least {-allowed}; "
            f"{ratio:.1f} times smaller, at least {times}: "
            f"{met(difference.mean() >= -allowed and ratio >= times)}"
        )
    return lines


def report(results: list[Result], task: Task) -> list[Any]:
    return [table_of(results), *verdicts(results, task)]


if __name__ == "__main__":
    run_trials(__doc__, TASKS, run_trial, report, width=140)
