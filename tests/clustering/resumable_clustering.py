"""Trains with clusters and checkpoints; run by a test that kills it once."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from bright_quarters import compiled
from clustered_nets import data, net, prune
from interrupted_training import State, train_twice

from tfedge.callbacks import QuantizationAwareTraining, WeightClustering
from tfedge.clustering.sharing import shared_weights
from tfedge.pruning.kernels import selected_kernels


def train(checkpoints: list[Any]) -> State:
    keras.utils.set_random_seed(1)
    model = compiled(net(), "adam")
    prune(model)
    model.fit(
        tf.data.Dataset.from_tensor_slices(data()).batch(16),
        epochs=5,
        verbose=0,
        callbacks=[
            QuantizationAwareTraining("int8", begin=1),
            WeightClustering(8, begin=1, frequency=2),
            *checkpoints,
        ],
    )
    shared = [shared_weights(kernel) for kernel in selected_kernels(model)]
    variables = [*model.weights, *(variable for part in shared for variable in part.variables)]
    return {variable.path: variable.numpy() for variable in variables}


if __name__ == "__main__":
    train_twice(train)
