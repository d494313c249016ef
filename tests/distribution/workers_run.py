"""One of two workers that train techniques together in a loop of their own; run by a test.

It gets a folder and from where to train: "start", or "checkpoint" to go on from the middle. It
reads TF_CONFIG, as on a cluster, leaves checkpoints of the middle and final states in the folder,
and in `fit.json` what `fit` of plain Keras fails with.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from techniques import (
    BATCH,
    SHAPE,
    STEPS,
    TECHNIQUES,
    compiled,
    data,
    net,
    state_of,
    train,
)

MIDDLE = STEPS // 2


def batches(strategy: Any, first: int, last: int) -> Iterator[Any]:
    """What the worker sees of steps `first` to `last`: samples that nobody else reads."""

    def of_the_worker(context: Any) -> Any:
        samples = tf.data.Dataset.from_tensor_slices(data())
        mine = samples.shard(context.num_input_pipelines, context.input_pipeline_id)
        size = context.get_per_replica_batch_size(BATCH)
        return mine.batch(size, drop_remainder=True).skip(first).take(last - first)

    return iter(strategy.distribute_datasets_from_function(of_the_worker))


class SaveInTheMiddle(keras.callbacks.Callback):
    """All workers save, since variables may be read together only; the first one's file counts."""

    def __init__(self, folder: Path, worker: int):
        super().__init__()
        self.path = folder / ("middle.weights.h5" if worker == 0 else f"of_{worker}.weights.h5")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.optimizer.iterations == MIDDLE:
            self.model.save_weights(self.path)


def trained(technique: str, strategy: Any, folder: Path, resume: bool) -> Any:
    keras.utils.clear_session()
    worker = strategy.cluster_resolver.task_id
    folder.mkdir(exist_ok=True)
    with strategy.scope():
        model = compiled(technique)
        callbacks = TECHNIQUES[technique].callbacks()
        for callback in callbacks:
            callback.set_model(model)
        model.build((None, *SHAPE))
        model.optimizer.build(model.trainable_variables)
        if resume:
            model.load_weights(folder / "middle.weights.h5")
    callbacks.append(SaveInTheMiddle(folder, worker))
    train(model, callbacks, batches(strategy, MIDDLE if resume else 0, STEPS), strategy)
    return model


def error_of_fit(model: Any, callbacks: list[Any]) -> str:
    """What `fit` fails with; nothing if it works."""
    try:
        model.fit(*data(), batch_size=BATCH, verbose=0, callbacks=callbacks)
    except Exception as error:  # whatever it is
        return str(error)
    return ""


def errors_of_fit(strategy: Any) -> dict[str, str]:
    """Of plain Keras and, if that works, of the techniques."""
    with strategy.scope():
        plain = net()
        plain.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    errors = {"plain Keras": error_of_fit(plain, [])}
    if errors["plain Keras"]:
        return errors
    for name, technique in TECHNIQUES.items():
        with strategy.scope():
            model = compiled(name)
        errors[name] = error_of_fit(model, technique.callbacks())
    return errors


def main(folder: Path, since: str) -> None:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    first = strategy.cluster_resolver.task_id == 0
    for technique in TECHNIQUES:
        model = trained(technique, strategy, folder / technique, since == "checkpoint")
        state = state_of(model)
        if first:
            np.savez(folder / technique / f"from_{since}.npz", **state)
    if since == "start":
        errors = errors_of_fit(strategy)
        if first:
            (folder / "fit.json").write_text(json.dumps(errors))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
