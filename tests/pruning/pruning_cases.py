"""A small net with a kernel of every kind that is pruned, and schedules short enough for tests."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from bright_quarters import CLASSES, images_and_labels

from tfedge.pruning import PolynomialDecay

layers = keras.layers
SHAPE, STEPS = (8, 8, 4), 4


def net(seed: int = 1) -> Any:
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input(SHAPE, name="image")
    x = layers.Conv2D(8, 3, padding="same", name="first")(x)
    x = layers.ReLU(name="first_relu")(layers.BatchNormalization(name="first_norm")(x))
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.Conv2D(16, 3, strides=2, activation="relu", name="second")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(32, activation="relu", name="wide")(x)
    return keras.Model(inputs, layers.Dense(CLASSES, name="scores")(x), name="small")


def data(count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Images whose brightest quarter is their class: 4 batches of 16."""
    return images_and_labels(SHAPE, count)


def decay(final: float = 0.8, **options: Any) -> PolynomialDecay:
    """Over two epochs, renewed in every other step."""
    return PolynomialDecay(final, 2 * STEPS, frequency=2, **options)


def fit(model: Any, *callbacks: Any, epochs: int = 3, **options: Any) -> dict[str, list[float]]:
    options = {"batch_size": 16, "shuffle": False, "verbose": 0, **options}
    return model.fit(*data(), epochs=epochs, callbacks=list(callbacks), **options).history
