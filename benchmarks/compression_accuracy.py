"""What sharing weights costs and saves, alone and with pruning, in int8 and on real data.

    python benchmarks/compression_accuracy.py --data FOLDER --seeds 5 --csv results.csv

FOLDER holds mnist/ as real_data.py describes. A seed draws the training data and the first weights,
trains a float model, and gives it to every variant. Each stage of a variant, as sharing or training
for integers, trains for the same epochs with the same batches; pruning for twice as many, at half
of the first training's rate. Accuracy is that of the file in LiteRT. Sizes are of .tflite files as
zlib compresses them, against the float model's, compressed in the same way. `zeros` and `values`
are of the kernels with 1,000 weights or more: the least share of zeros, and the most different
integers.
"""

from __future__ import annotations

import argparse
import functools
import os
import time
import zlib
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import real_data
import tensorflow as tf
from networks import plain_net
from post_training import real_outputs
from qat_accuracy import CALIBRATION, FLOAT_RATE, Task, Trial, described
from rich.console import Console
from rich.table import Table

import tfedge
from tfedge.callbacks import Pruning, WeightClustering
from tfedge.files import write_atomically
from tfedge.pruning import PolynomialDecay
from tfedge_converters.export import export_keras
from tfedge_converters.graph import read_model
from tfedge_converters.verify.engines import run_litert
from tfedge_converters.weight_table import weight_table

CLUSTERS, SPARSITY = 16, 0.8
# Small steps do not make up for what goes.
PRUNING_RATE = FLOAT_RATE / 2
LARGE = 1000
TASK = Task(
    "digits",
    functools.partial(real_data.digits, count=2000),
    lambda k: plain_net(k, (28, 28, 1), 10, (16, 32, 64, 64)),
    15,
    6,
)
FLOAT, PTQ = "float", "PTQ int8"
CLUSTERED, TFMOT_CLUSTERED = "clusters, QAT", "tfmot: clusters, QAT"
BOTH, TFMOT_BOTH = "pruned, clusters, QAT", "tfmot: pruned, clusters, QAT"
# A variant, what it is compared with, how many points it may lie below, how much smaller it is.
TARGETS = ((CLUSTERED, FLOAT, 0.5, 1.0), (BOTH, FLOAT, 0.5, 10.0), (BOTH, TFMOT_BOTH, 0.0, 1.0))


@dataclass(frozen=True)
class Result:
    """One line of the CSV file."""

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
        min((row.zeros / row.weights for row in rows), default=0.0),
        max((row.values for row in rows), default=0),
    )


def converted(model: Any, calibration: Any = None) -> bytes:
    return tfedge.convert(
        model, target="tflite-micro", calibration=calibration,
        input_type="float32", output_type="float32",
    ).flatbuffer  # fmt: skip


def steps_to_prune(trial: Trial) -> int:
    """Behind as many, all zeros are there; the same number of steps follows."""
    return len(trial.batches(trial.task.tuned_epochs))


def prune(trial: Trial, model: Any) -> None:
    schedule = PolynomialDecay(SPARSITY, steps_to_prune(trial), frequency=20)
    trial.fit(model, 2 * trial.task.tuned_epochs, PRUNING_RATE, callbacks=[Pruning(schedule)])


def share(trial: Trial, model: Any) -> None:
    trial.tune(model, callbacks=[WeightClustering(CLUSTERS)])


def trained(trial: Trial, *stages: Callable[[Trial, Any], None]) -> bytes:
    """What is left of the float model behind some stages and training for integers."""
    model = trial.model()
    for stage in stages:
        stage(trial, model)
    return converted(trial.tune(tfedge.quantize(model, "int8")))


def tfmot_model(trial: Trial) -> Any:
    """The same network in tf_keras, with the same float weights."""
    import tf_keras

    model = trial.task.build(tf_keras)
    for layer, source in zip(model.layers, trial.model().layers, strict=True):
        layer.set_weights(source.get_weights())
    return model


def tfmot_prune(trial: Trial, model: Any) -> Any:
    import tf_keras
    from tensorflow_model_optimization.sparsity import keras as sparsity

    schedule = sparsity.PolynomialDecay(0.0, SPARSITY, 0, steps_to_prune(trial), frequency=20)
    pruned = sparsity.prune_low_magnitude(model, schedule)
    callbacks = [sparsity.UpdatePruningStep()]
    trial.fit(pruned, 2 * trial.task.tuned_epochs, PRUNING_RATE, tf_keras, callbacks)
    return sparsity.strip_pruning(pruned)


def tfmot_share(trial: Trial, model: Any) -> Any:
    import tf_keras
    from tensorflow_model_optimization.clustering import keras as clustering

    start = clustering.CentroidInitialization.KMEANS_PLUS_PLUS
    clustered = clustering.cluster_weights(model, CLUSTERS, start, preserve_sparsity=True)
    return clustering.strip_clustering(trial.tune(clustered, tf_keras))


def tfmot_trained(trial: Trial, *stages: Callable[[Trial, Any], Any]) -> bytes:
    import tf_keras
    from tensorflow_model_optimization.experimental import combine
    from tensorflow_model_optimization.quantization import keras as quantization

    model = tfmot_model(trial)
    for stage in stages:
        model = stage(trial, model)
    annotated = quantization.quantize_annotate_model(model)
    quantized = quantization.quantize_apply(
        annotated, combine.Default8BitClusterPreserveQuantizeScheme(preserve_sparsity=True)
    )
    trial.tune(quantized, tf_keras)
    function = tf.function(lambda x: quantized(x, training=False), autograph=False)
    concrete = function.get_concrete_function(
        tf.TensorSpec((1, *trial.split.x_test.shape[1:]), tf.float32)
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], quantized)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


VARIANTS: dict[str, Callable[[Trial], bytes]] = {
    PTQ: lambda trial: converted(trial.model(), trial.split.x_train[:CALIBRATION]),
    CLUSTERED: lambda trial: trained(trial, share),
    TFMOT_CLUSTERED: lambda trial: tfmot_trained(trial, tfmot_share),
    BOTH: lambda trial: trained(trial, prune, share),
    TFMOT_BOTH: lambda trial: tfmot_trained(trial, tfmot_prune, tfmot_share),
}


def run_trial(seed: int, folder: Path) -> list[Result]:
    trial = Trial(TASK, seed, TASK.load(folder, seed))
    keras.utils.set_random_seed(seed)
    model = trial.model()
    trial.fit(model, TASK.epochs, FLOAT_RATE)
    trial.weights = model.get_weights()
    flatbuffer = export_keras(model)
    accuracy = trial.accuracy(model.predict(trial.split.x_test, 500, verbose=0))
    size = len(zlib.compress(flatbuffer, 9))
    results = [Result(seed, FLOAT, accuracy, len(flatbuffer), size, 0.0, 0, 0.0)]
    for name, variant in VARIANTS.items():
        start = time.process_time()
        made = measured(trial, variant(trial))
        results.append(Result(seed, name, *made, round(time.process_time() - start, 1)))
    return results


def column(results: list[Result], variant: str, name: str) -> np.ndarray:
    """A column of a variant, by seed."""
    return np.array([getattr(result, name) for result in results if result.variant == variant])


def smaller(results: list[Result], variant: str, reference: str) -> np.ndarray:
    """How many times smaller a variant is, compressed, by seed."""
    return column(results, reference, "compressed") / column(results, variant, "compressed")


def table_of(results: list[Result]) -> Table:
    table = Table("variant", "mean %", "minus float", "bytes", "compressed", "times smaller",
                  "zeros", "values")  # fmt: skip
    for variant in (FLOAT, *VARIANTS):
        of = functools.partial(column, results, variant)
        table.add_row(
            variant,
            f"{of('accuracy').mean():.2f}",
            described(of("accuracy") - column(results, FLOAT, "accuracy")),
            f"{of('bytes').mean():,.0f}",
            f"{of('compressed').mean():,.0f}",
            f"{smaller(results, variant, FLOAT).mean():.1f}",
            f"{of('zeros').min():.1%}",
            str(of("values").max()),
        )
    return table


def verdicts(results: list[Result]) -> list[str]:
    """What the targets say of the results."""
    lines = []
    for variant, reference, allowed, times in TARGETS:
        difference = column(results, variant, "accuracy") - column(results, reference, "accuracy")
        ratio = smaller(results, variant, reference).mean()
        met = difference.mean() >= -allowed and ratio >= times
        lines.append(
            f"{variant} against {reference}: {described(difference)}, at least {-allowed}; "
            f"{ratio:.1f} times smaller, at least {times}: {'met' if met else 'MISSED'}"
        )
    return lines


def write_csv(path: Path, results: list[Result]) -> None:
    header = ",".join(column.name for column in fields(Result))
    rows = [
        ",".join(f'"{v}"' if isinstance(v, str) else str(v) for v in astuple(r)) for r in results
    ]
    write_atomically(path, "\n".join([header, *rows]) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    # The network is too small for more than one thread to pay.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    console, results = Console(width=140), []
    for seed in range(arguments.seeds):
        results += run_trial(seed, arguments.data)
        if arguments.csv:
            write_csv(arguments.csv, results)
    console.print(table_of(results))
    for line in verdicts(results):
        console.print(line, highlight=False)


if __name__ == "__main__":
    main()
