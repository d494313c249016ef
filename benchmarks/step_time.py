"""How long a training step takes that prunes, shares weights or trains for int8.

    python benchmarks/step_time.py --technique quantization --pairs 30 --csv results.csv

ResNet-8 and DS-CNN of MLPerf Tiny on random data, by Keras' own `fit`. A round times a short run of
every variant, one after the other, in an order that turns from round to round; ratios are taken
within a round, so that what else the machine does falls out. Wall time counts from the second step
of a run, without the start of `fit`; processor time is the whole process's in the same span, and
the steadier figure on a shared machine. Masks are renewed every 100 steps, the default here and of
tfmot, so that a median sees steps without it; "pruning, often" renews them once in a run.
"""

from __future__ import annotations

import argparse
import functools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from common.networks import ds_cnn, resnet_8
from rich.console import Console
from rich.progress import track
from rich.table import Table

import tfedge
from tfedge.atomic_writing import write_atomically
from tfedge.callbacks import Pruning, WeightClustering
from tfedge.pruning import PolynomialDecay

KERAS, TF_KERAS, OURS, THEIRS = "Keras 3", "tf_keras", "tfedge", "tfmot"
SPARSITY, CLUSTERS, FOREVER = 0.8, 16, 1_000_000
QUARTILES = (25, 50, 75)
COLUMNS = ("network", "xla", "ratio", "wall_q1", "wall_median", "wall_q3", "cpu_q1", "cpu_median",
           "cpu_q3", "rounds", "target")  # fmt: skip


@dataclass(frozen=True)
class Network:
    """What is trained, and on how many samples a step."""

    name: str
    build: Callable[[Any], Any]
    batch: int


@dataclass
class Trained:
    """What is fitted: a model, and callbacks of its first run or of every one."""

    model: Any
    first: Sequence[Any] = ()
    every: Sequence[Any] = ()


@dataclass(frozen=True)
class Technique:
    """What training does besides.

    Attributes:
        ours, theirs: with a Keras 3 model, and with tfmot and a tf_keras model.
        targets: the largest ratio to plain Keras 3, without XLA and with it; none if empty.
    """

    ours: Callable[[Any], Trained]
    theirs: Callable[[Any], Trained]
    targets: tuple[float, ...] = ()


NETWORKS = (Network("ResNet-8", resnet_8, 32), Network("DS-CNN", ds_cnn, 64))
# Steps that are timed, of a run, and from one renewal of masks to the next.
STEPS, USUAL = 8, 100


def quantized(model: Any) -> Trained:
    return Trained(tfedge.quantize(model, "int8"))


def quantized_by_tfmot(model: Any) -> Trained:
    from tensorflow_model_optimization.quantization.keras import quantize_model

    return Trained(quantize_model(model))


def pruned(model: Any, frequency: int) -> Trained:
    schedule = PolynomialDecay(SPARSITY, FOREVER, frequency=frequency)
    return Trained(model, every=[Pruning(schedule)])


def pruned_by_tfmot(model: Any, frequency: int) -> Trained:
    from tensorflow_model_optimization.sparsity import keras as sparsity

    schedule = sparsity.PolynomialDecay(0.0, SPARSITY, 0, FOREVER, frequency=frequency)
    wrapped = sparsity.prune_low_magnitude(model, schedule)
    return Trained(wrapped, every=[sparsity.UpdatePruningStep()])


def clustered(model: Any) -> Trained:
    """What shares weights stays with the model when the callback has gone."""
    return Trained(model, first=[WeightClustering(CLUSTERS)])


def clustered_by_tfmot(model: Any) -> Trained:
    from tensorflow_model_optimization.clustering import keras as clustering

    start = clustering.CentroidInitialization.KMEANS_PLUS_PLUS
    return Trained(clustering.cluster_weights(model, CLUSTERS, start))


TECHNIQUES = {
    "quantization": Technique(quantized, quantized_by_tfmot, (0.95, 1.15)),
    "pruning": Technique(
        functools.partial(pruned, frequency=USUAL),
        functools.partial(pruned_by_tfmot, frequency=USUAL),
        (1.05, 1.05),
    ),
    "pruning, often": Technique(
        functools.partial(pruned, frequency=STEPS + 1),
        functools.partial(pruned_by_tfmot, frequency=STEPS + 1),
    ),
    "clustering": Technique(clustered, clustered_by_tfmot, (1.15, 1.15)),
}


def variants_of(techniques: Sequence[str], network: Network, xla: bool) -> dict[str, Trained]:
    """Plain training of either kind, and every technique of either kind, ready to fit."""
    import tf_keras

    made = {KERAS: Trained(network.build(keras)), TF_KERAS: Trained(network.build(tf_keras))}
    for name in techniques:
        technique = TECHNIQUES[name]
        made[f"{OURS} {name}"] = technique.ours(network.build(keras))
        made[f"{THEIRS} {name}"] = technique.theirs(network.build(tf_keras))
    for trained in made.values():
        module = module_of(trained.model)
        trained.model.compile(
            module.optimizers.Adam(1e-3),
            module.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=xla,
        )
    return made


def module_of(model: Any) -> Any:
    import tf_keras

    return tf_keras if isinstance(model, tf_keras.Model) else keras


def data_for(model: Any, batch: int) -> Any:
    """Endless batches, at hand in memory."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, *model.input_shape[1:])).astype(np.float32)
    y = rng.integers(model.output_shape[-1], size=batch)
    return tf.data.Dataset.from_tensors((x, y)).cache().repeat()


class Stopwatch:
    """A callback's two hooks, for Keras 3 and tf_keras alike."""

    def __init__(self, module: Any):
        stopwatch = self

        class Hooks(module.callbacks.Callback):
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                stopwatch.ends.append((time.perf_counter(), time.process_time()))

        self.ends: list[tuple[float, float]] = []
        self.callback = Hooks()

    def spans(self) -> tuple[float, float]:
        """Seconds of a step: wall and processor time."""
        first, last, steps = self.ends[0], self.ends[-1], len(self.ends) - 1
        return (last[0] - first[0]) / steps, (last[1] - first[1]) / steps


def timed(trained: Trained, data: Any, steps: int, callbacks: Sequence[Any]) -> tuple[float, float]:
    stopwatch = Stopwatch(module_of(trained.model))
    trained.model.fit(
        data, steps_per_epoch=steps + 1, shuffle=False, verbose=0,
        callbacks=[*callbacks, stopwatch.callback],
    )  # fmt: skip
    return stopwatch.spans()


def rounds_of(
    techniques: Sequence[str], network: Network, xla: bool, count: int
) -> dict[str, np.ndarray]:
    """By variant, (rounds, 2): wall and processor seconds of a step."""
    variants = variants_of(techniques, network, xla)
    data = {name: data_for(trained.model, network.batch) for name, trained in variants.items()}
    for name, trained in variants.items():  # compiles
        timed(trained, data[name], 1, [*trained.first, *trained.every])
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
    names = list(variants)
    label = f"{network.name}{', XLA' if xla else ''}"
    for turn in track(range(count), label, transient=True):
        start = turn % len(names)
        for name in (*names[start:], *names[:start]):
            trained = variants[name]
            times[name].append(timed(trained, data[name], STEPS, trained.every))
    return {name: np.array(spans) for name, spans in times.items()}


def ratios_of(technique: str) -> tuple[tuple[str, str], ...]:
    """What is divided by what; the first has a target."""
    ours, theirs = f"{OURS} {technique}", f"{THEIRS} {technique}"
    return (ours, KERAS), (theirs, TF_KERAS), (theirs, KERAS), (ours, theirs)


def rows_of(
    technique: str, network: Network, xla: bool, times: dict[str, np.ndarray]
) -> list[tuple[Any, ...]]:
    rows = []
    for number, (top, bottom) in enumerate(ratios_of(technique)):
        quartiles = np.percentile(times[top] / times[bottom], QUARTILES, axis=0)
        wall, cpu = ([round(float(value), 3) for value in column] for column in quartiles.T)
        targets = TECHNIQUES[technique].targets
        target = targets[xla] if targets and not number else ""
        rows.append((network.name, xla, f"{top} / {bottom}", *wall, *cpu, len(times[top]),
                     target))  # fmt: skip
    return rows


def milliseconds(network: Network, xla: bool, times: dict[str, np.ndarray]) -> str:
    """Medians, for orientation: only the ratios mean something on a shared machine."""
    parts = []
    for variant, spans in times.items():
        wall, cpu = 1000 * np.median(spans, axis=0)
        parts.append(f"{variant} {wall:.0f} ({cpu:.0f})")
    label = f"{network.name}{', XLA' if xla else ''}"
    return f"{label}: milliseconds a step, wall (processor): {', '.join(parts)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--technique", choices=TECHNIQUES, action="append")
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--network", choices=[n.name for n in NETWORKS], action="append")
    parser.add_argument("--xla", choices=("on", "off"))
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    techniques = arguments.technique or list(TECHNIQUES)
    console, table, rows = Console(width=150), Table(*COLUMNS), []
    for xla in (False, True):
        for network in NETWORKS:
            if arguments.network and network.name not in arguments.network:
                continue
            if arguments.xla and xla != (arguments.xla == "on"):
                continue
            times = rounds_of(techniques, network, xla, arguments.pairs)
            console.print(milliseconds(network, xla, times), highlight=False)
            for technique in techniques:
                rows += rows_of(technique, network, xla, times)
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)
    if arguments.csv:
        lines = [",".join(map(str, line)) for line in (COLUMNS, *rows)]
        write_atomically(arguments.csv, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
