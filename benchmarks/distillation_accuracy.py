"""What teachers are worth to a small student, on real data.

    python benchmarks/distillation_accuracy.py --data FOLDER --seeds 5 --csv results.csv

FOLDER holds mnist/ and fsdd/ as real_data.py describes; what is missing is skipped. A seed draws
the training data and all first weights, trains three teachers, and then one student for every
setting, each from the same first weights, on the same batches for the same epochs, so that settings
are compared in pairs. Teachers speak from a cache. The student has less than a tenth of the first
teacher's multiplications. "Unlabelled" adds images whose labels nobody uses.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from common import real_data
from common.networks import convolutional_net, depthwise_digits_net, depthwise_net
from common.real_data import Split
from common.trials import BATCH, described, run_trials
from qat_accuracy import Result, accuracies, flatbuffer_of, on_device
from rich.table import Table

import tfedge
from tfedge import distillation as d

RATE, TEACHER_RATE = 5e-3, 2e-3
TEACHER, ALONE, INT8 = "teacher", "student alone", "int8 student, soft targets"
LOGITS_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@dataclass(frozen=True)
class Task:
    """A data set with its networks.

    Attributes:
        load: of the folder and a seed, the data to train and test with.
        more: of the folder and a seed, inputs without labels, or None.
        teacher, student: the networks.
    """

    name: str
    load: Callable[[Path, int], Split]
    more: Callable[[Path, int], np.ndarray] | None
    teacher: Callable[[int], Any]
    student: Callable[[], Any]
    teacher_epochs: int
    epochs: int


def other_digits(folder: Path, seed: int, skip: int, count: int) -> np.ndarray:
    """Training images beyond the first `skip` that the seed draws."""
    return real_data.digits(folder, seed, skip + count).x_train[skip:]


TASKS = (
    Task(
        "digits",
        functools.partial(real_data.digits, count=2000),
        functools.partial(other_digits, skip=2000, count=10_000),
        lambda index: convolutional_net(keras, (28, 28, 1), 10, ((32, 48, 64), (24, 48, 96),
                                                                 (40, 40, 80))[index]),
        lambda: depthwise_digits_net(keras),
        20,
        40,
    ),
    Task(
        "words",
        real_data.words,
        None,
        lambda index: convolutional_net(keras, (49, 20, 1), 10, ((24, 48, 64), (16, 48, 96),
                                                                 (32, 40, 80))[index]),
        lambda: depthwise_net(keras, (49, 20, 1), 10, (3, 3), 16, ((1, 32), (1, 48), (2, 48))),
        10,
        15,
    ),
)  # fmt: skip


@dataclass
class Trial:
    """One task with one seed."""

    task: Task
    seed: int
    split: Split
    teachers: list[Any] = field(default_factory=list)
    caches: dict[str, d.TeacherCache] = field(default_factory=dict)
    more: np.ndarray | None = None

    def student(self) -> Any:
        """With the seed's first weights."""
        keras.utils.set_random_seed(self.seed)
        return self.task.student()

    def optimizer(self, samples: int, rate: float = RATE) -> Any:
        """Adam with a rate that falls along a cosine."""
        steps = self.task.epochs * -(-samples // BATCH)
        return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))

    def fit(self, model: Any, x: Any, y: Any, epochs: int) -> None:
        """In batches that are the same for every setting with as many samples."""
        keras.utils.set_random_seed(self.seed)
        model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)

    def accuracy(self, logits: np.ndarray) -> float:
        """In percent of the test set."""
        return 100.0 * float((logits.argmax(-1) == self.split.y_test).mean())

    def judged(self, model: Any) -> float:
        """Accuracy of a float model."""
        return self.accuracy(model.predict(self.split.x_test, 500, verbose=0))

    def cache(self, name: str, teacher: Any, layers: tuple[str, ...] = ()) -> d.TeacherCache:
        """What a teacher says of the training data, asked once."""
        if name not in self.caches:
            folder = Path(tempfile.mkdtemp(prefix="teachers-")) / name
            self.caches[name] = d.cache_outputs(teacher, self.split.x_train, folder, layers=layers)
        return self.caches[name]


def alone(trial: Trial) -> float:
    student = trial.student()
    student.compile(trial.optimizer(len(trial.split.x_train)), LOGITS_LOSS)
    trial.fit(student, trial.split.x_train, trial.split.y_train, trial.task.epochs)
    return trial.judged(student)


def taught(trial: Trial, losses: Any, cache: d.TeacherCache, student: Any = None) -> Any:
    """The student after a distillation with nine tenths of the loss from the teacher."""
    distiller = d.Distiller(cache, student or trial.student(), losses, alpha=0.9)
    distiller.compile(trial.optimizer(len(trial.split.x_train)), LOGITS_LOSS)
    x = cache.with_targets(trial.split.x_train)
    trial.fit(distiller, x, trial.split.y_train, trial.task.epochs)
    return distiller.student


def with_loss(make: Callable[[], Any], trial: Trial) -> float:
    cache = trial.cache("first", trial.teachers[0], ("maps", "features"))
    return trial.judged(taught(trial, make(), cache))


def by_ensemble(trial: Trial) -> float:
    cache = trial.cache("three", d.Ensemble(trial.teachers))
    return trial.judged(taught(trial, d.SoftTargets(4.0), cache))


def by_itself(trial: Trial) -> float:
    student = trial.student()
    distiller = d.SelfDistiller(student, [_layer(student, keras.layers.DepthwiseConv2D)])
    distiller.compile(trial.optimizer(len(trial.split.x_train)), LOGITS_LOSS)
    trial.fit(distiller, trial.split.x_train, trial.split.y_train, trial.task.epochs)
    return trial.judged(student)


def born_again(trial: Trial) -> float:
    def train(distiller: d.Distiller) -> None:
        distiller.compile(trial.optimizer(len(trial.split.x_train)), LOGITS_LOSS)
        trial.fit(distiller, trial.split.x_train, trial.split.y_train, trial.task.epochs)

    first = trial.student()
    first.compile(trial.optimizer(len(trial.split.x_train)), LOGITS_LOSS)
    trial.fit(first, trial.split.x_train, trial.split.y_train, trial.task.epochs)
    return trial.judged(d.born_again(first, trial.student, train, 1)[-1])


def unlabelled(trial: Trial) -> float:
    """From the ensemble's word alone, on more inputs; as many steps as everyone."""
    assert trial.more is not None
    x = np.concatenate([trial.split.x_train, trial.more])
    folder = Path(tempfile.mkdtemp(prefix="teachers-")) / "more"
    cache = d.cache_outputs(d.Ensemble(trial.teachers), x, folder)
    distiller = d.Distiller(cache, trial.student(), d.SoftTargets(4.0), alpha=1.0)
    distiller.compile(trial.optimizer(len(trial.split.x_train)))
    epochs = max(round(trial.task.epochs * len(trial.split.x_train) / len(x)), 1)
    trial.fit(distiller, cache.with_targets(x), None, epochs)
    return trial.judged(distiller.student)


def int8_student(trial: Trial) -> float:
    """Distilled in float, then as integers, and run from the file."""
    cache = trial.cache("three", d.Ensemble(trial.teachers))
    student = tfedge.quantize(taught(trial, d.SoftTargets(4.0), cache), "int8")
    distiller = d.Distiller(cache, student, d.SoftTargets(4.0), alpha=0.9)
    distiller.compile(keras.optimizers.Adam(5e-4), LOGITS_LOSS)
    trial.fit(distiller, cache.with_targets(trial.split.x_train), trial.split.y_train, 4)
    return trial.accuracy(on_device(flatbuffer_of(distiller.student), trial.split.x_test))


def _layer(model: Any, kind: type) -> str:
    return next(layer.name for layer in reversed(model.layers) if isinstance(layer, kind))


def _features(make: Callable[..., Any], layer: str) -> list[Any]:
    """Soft targets, and a feature loss between the layers of this name."""
    return [d.SoftTargets(4.0), make(layer, layer)]


SETTINGS: dict[str, Callable[[Trial], float]] = {
    TEACHER: lambda trial: trial.judged(trial.teachers[0]),
    ALONE: alone,
    "soft targets": functools.partial(with_loss, lambda: d.SoftTargets(4.0)),
    "decoupled": functools.partial(with_loss, lambda: d.DecoupledDistillation(4.0)),
    "hint": functools.partial(with_loss, lambda: _features(d.Hint, "maps")),
    "attention": functools.partial(with_loss, lambda: _features(d.AttentionTransfer, "maps")),
    "similarity": functools.partial(
        with_loss, lambda: _features(d.SimilarityPreserving, "features")
    ),
    "distance": functools.partial(with_loss, lambda: _features(d.RelationalDistance, "features")),
    "angle": functools.partial(with_loss, lambda: _features(d.RelationalAngle, "features")),
    "contrastive": functools.partial(with_loss, lambda: _features(d.Contrastive, "features")),
    "ensemble of three": by_ensemble,
    "self-distilled": by_itself,
    "born again": born_again,
    "unlabelled, ensemble": unlabelled,
    INT8: int8_student,
}


def run_trial(task: Task, seed: int, folder: Path) -> list[Result]:
    trial = Trial(task, seed, task.load(folder, seed))
    if task.more is not None:
        trial.more = task.more(folder, seed)
    for index in range(3):
        keras.utils.set_random_seed(100 * seed + index)
        teacher = task.teacher(index)
        teacher.compile(keras.optimizers.Adam(TEACHER_RATE), LOGITS_LOSS)
        trial.fit(teacher, trial.split.x_train, trial.split.y_train, task.teacher_epochs)
        trial.teachers.append(teacher)
    return [
        Result(task.name, seed, name, setting(trial), -1, 0.0)
        for name, setting in SETTINGS.items()
        if name != "unlabelled, ensemble" or trial.more is not None
    ]


def table_of(results: list[Result], task: str) -> Table:
    table = Table("setting", "mean %", "sd", "minus student alone", "of the gap", title=task)
    alone_, teacher = (accuracies(results, task, name) for name in (ALONE, TEACHER))
    for name in SETTINGS:
        values = accuracies(results, task, name)
        if len(values):
            share = (values - alone_).mean() / (teacher - alone_).mean()
            deviation = f"{values.std(ddof=1):.2f}" if len(values) > 1 else ""
            table.add_row(name, f"{values.mean():.2f}", deviation, described(values - alone_),
                          f"{share:.0%}")  # fmt: skip
    return table


def macs(model: Any) -> int:
    """Multiplications of convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            places = int(np.prod(layer.output.shape[1:-1])) if len(layer.output.shape) > 2 else 1
            total += places * int(np.prod(kernel.shape))
    return total


def report(results: list[Result], task: Task) -> list[Any]:
    share = macs(task.student()) / macs(task.teacher(0))
    told = f"{task.name}: the student has {share:.1%} of its teacher's multiplications"
    return [told, table_of(results, task.name)]


if __name__ == "__main__":
    run_trials(__doc__, TASKS, run_trial, report, width=140)
