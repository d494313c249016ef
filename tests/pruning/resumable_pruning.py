"""Prunes with checkpoints; run by a test that kills it once."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from bright_quarters import compiled
from interrupted_training import State, train_twice
from pruning_cases import data, net

from tfedge.callbacks import Pruning
from tfedge.pruning import PolynomialDecay, Regrowth, masks_of


def train(checkpoints: list[Any]) -> State:
    keras.utils.set_random_seed(1)
    # Without dropout: plain Keras does not keep the state of its seeds in checkpoints.
    optimizer = keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.9)
    model = compiled(net(), optimizer, steps_per_execution=2)
    pipeline = tf.data.Dataset.from_tensor_slices(data()).batch(16)
    # Renewals fall between checkpoints and onto them, and between executions.
    schedule = Regrowth(PolynomialDecay(0.8, 15, frequency=3, begin=1), 0.4)
    pruning = Pruning(schedule, importance="movement", distribution="global")
    model.fit(pipeline, epochs=5, verbose=0, callbacks=[*checkpoints, pruning])
    found = {variable.path: variable.numpy() for variable in model.weights}
    return found | {f"mask/{path}": mask for path, mask in masks_of(model).items()}


if __name__ == "__main__":
    train_twice(train)
