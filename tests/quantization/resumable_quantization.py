"""Trains for integers with checkpoints; run by a test that kills it once."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from bright_quarters import compiled
from interrupted_training import State, train_twice
from training_cases import data, small_net

from tfedge.callbacks import QuantizationAwareTraining
from tfedge.quantization import ActivationScheme, Scheme, WeightScheme


def train(checkpoints: list[Any]) -> State:
    keras.utils.set_random_seed(1)
    scheme = Scheme(
        "learned",
        WeightScheme(quantizer="learned_step"),
        ActivationScheme(quantizer="learned_range"),
    )
    model = compiled(small_net(), "adam")
    pipeline = tf.data.Dataset.from_tensor_slices(data()).batch(16)
    quantization = QuantizationAwareTraining(scheme, begin=1, freeze_ranges=3)
    model.fit(pipeline, epochs=4, verbose=0, callbacks=[quantization, *checkpoints])
    return {variable.path: variable.numpy() for variable in model.weights}


if __name__ == "__main__":
    train_twice(train)
