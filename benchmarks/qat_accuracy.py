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

import argparse
import functools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import real_data
import tensorflow as tf
from networks import depthwise_net
from real_data import Split
from rich.console import Console
from rich.table import Table

import tfedge
from tfedge.files import write_atomically
from tfedge.quantization.policy import INT8, OPERATORS
from tfedge.quantization.schemes import LEARNED_STEP, Scheme, WeightScheme
from tfedge_converters.graph import TensorType, read_model, write_model
from tfedge_converters.verify.engines import run_micro

CALIBRATION, CHECKED, BATCH = 500, 1000, 32
FLOAT_RATE, TUNED_RATE = 1e-2, 1e-3
FLOAT, CONTINUED, TFMOT = "float", "float, continued", "tfmot QAT int8"
# Half the width of a 95 % interval in standard errors, for 1, 2, ... degrees of freedom.
STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)


@dataclass(frozen=True)
class Task:
    """A data set with the network for it.

    Attributes:
        load: of the folder and a seed, the data.
        build: of a Keras module, the network.
        epochs, tuned_epochs: of the float model, and of every variant made from it.
        gate: whether the test set is large enough to hold tenths of a point to account.
    """

    name: str
    load: Callable[[Path, int], Split]
    build: Callable[[Any], Any]
    epochs: int
    tuned_epochs: int
    gate: bool = False


TASKS = (
    Task(
        "digits",
        functools.partial(real_data.digits, count=2000),
        lambda k: depthwise_net(k, (28, 28, 1), 10, (3, 3), 16, ((1, 32), (2, 48), (1, 48))),
        15,
        8,
        gate=True,
    ),
    Task(
        "words",
        real_data.words,
        lambda k: depthwise_net(k, (49, 20, 1), 10, (3, 3), 16, ((2, 32), (1, 48), (2, 48))),
        10,
        5,
    ),
    Task(
        "gestures",
        functools.partial(real_data.gestures, count=300),
        lambda k: depthwise_net(k, (64, 1, 2), 10, (5, 1), 16, ((1, 24), (2, 32), (1, 32))),
        70,
        30,
    ),
)


@dataclass
class Trial:
    """One task with one seed."""

    task: Task
    seed: int
    split: Split
    weights: list[np.ndarray] = field(default_factory=list)

    def model(self) -> Any:
        """A fresh copy of the float model."""
        model = self.task.build(keras)
        if self.weights:
            model.set_weights(self.weights)
        return model

    def fit(
        self, model: Any, epochs: int, rate: float, module: Any = keras, callbacks: Any = ()
    ) -> None:
        """Trains with Adam and a rate that falls along a cosine."""
        data = self.batches(epochs)
        module.utils.set_random_seed(self.seed)
        model.compile(
            module.optimizers.Adam(module.optimizers.schedules.CosineDecay(rate, len(data))),
            module.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        model.fit(data, shuffle=False, verbose=0, callbacks=list(callbacks))

    def batches(self, epochs: int) -> Any:
        """The training data as often as `epochs` says, in one order for every variant.

        Not left to `fit`: with a fixed seed Keras 3 makes the same batches of arrays in every
        epoch and tf_keras does not, which is worth 0.2 points to the latter.
        """
        x, y = self.split.x_train, self.split.y_train
        rng = np.random.default_rng(self.seed)
        rows = np.concatenate([rng.permutation(len(x)) for _ in range(epochs)])
        data = tf.data.Dataset.from_tensor_slices(rows).batch(BATCH)
        return data.map(lambda chosen: (tf.gather(x, chosen), tf.gather(y, chosen)))

    def tune(self, model: Any, module: Any = keras, callbacks: Any = ()) -> Any:
        """Trains as every variant is trained."""
        self.fit(model, self.task.tuned_epochs, TUNED_RATE, module, callbacks)
        return model

    def accuracy(self, logits: np.ndarray) -> float:
        """In percent of the test set."""
        return 100.0 * float((logits.argmax(-1) == self.split.y_test).mean())


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
    """The same network in tf_keras, with the same float weights."""
    import tf_keras
    from tensorflow_model_optimization.quantization.keras import quantize_model

    model = trial.task.build(tf_keras)
    for layer, source in zip(model.layers, trial.model().layers, strict=True):
        layer.set_weights(source.get_weights())
    quantized = trial.tune(quantize_model(model), tf_keras)
    shape = (1, *trial.split.x_test.shape[1:])
    function = tf.function(lambda x: quantized(x, training=False), autograph=False)
    concrete = function.get_concrete_function(tf.TensorSpec(shape, tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], quantized)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return trial.accuracy(on_device(converter.convert(), trial.split.x_test)), -1


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
    trial = Trial(task, seed, task.load(folder, seed))
    keras.utils.set_random_seed(seed)
    model = trial.model()
    trial.fit(model, task.epochs, FLOAT_RATE)
    trial.weights = model.get_weights()
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


def described(differences: np.ndarray) -> str:
    """Mean, standard deviation, and 95 % interval of the mean."""
    count = len(differences)
    if count < 2:
        return f"{differences.mean():+.2f}"
    deviation = differences.std(ddof=1)
    half = STUDENT[min(count - 1, len(STUDENT)) - 1] * deviation / np.sqrt(count)
    return f"{differences.mean():+.2f} (sd {deviation:.2f}, 95 % ±{half:.2f})"


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
            f"{_word(difference.mean() >= -allowed)}"
        )
    for ptq, trained in RECOVERED:
        lost = (of(FLOAT) - of(ptq)).mean()
        if lost > 1.0:
            share = (of(trained) - of(ptq)).mean() / lost
            lines.append(
                f"{trained} wins back {share:.0%} of {lost:.2f} points, at least {SHARE:.0%}: "
                f"{_word(share >= SHARE)}"
            )
    return lines


def _word(met: bool) -> str:
    return "met" if met else "MISSED"


def write_csv(path: Path, results: Sequence[Any]) -> None:
    """One line a result, which is an instance of a dataclass."""
    header = ",".join(column.name for column in fields(results[0]))
    rows = [
        ",".join(f'"{v}"' if isinstance(v, str) else str(v) for v in astuple(r)) for r in results
    ]
    write_atomically(path, "\n".join([header, *rows]) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--task", choices=[task.name for task in TASKS], action="append")
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    # The networks are too small for more than one thread to pay.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    console, results = Console(width=140), []
    for task in TASKS:
        if arguments.task and task.name not in arguments.task:
            continue
        try:
            for seed in range(arguments.seeds):
                results += run_trial(task, seed, arguments.data)
                if arguments.csv:
                    write_csv(arguments.csv, results)
        except FileNotFoundError as missing:
            console.print(f"{task.name} SKIPPED: there is no {missing.filename}")
            continue
        console.print(table_of(results, task.name))
        for line in verdicts(results, task):
            console.print(line, highlight=False)


if __name__ == "__main__":
    main()
