"""A teacher, a student, and data that they can learn."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from bright_quarters import CLASSES, images_and_labels

SHAPE = (8, 8, 2)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def net(width: int, seed: int = 1, name: str | None = None) -> Any:
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    x = inputs = keras.Input(SHAPE)
    x = layers.Conv2D(width, 3, padding="same", name="first")(x)
    x = layers.ReLU(name="first_relu")(layers.BatchNormalization(name="first_norm")(x))
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.Conv2D(width, 3, padding="same", activation="relu", name="second")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(inputs, layers.Dense(CLASSES, name="scores")(x), name=name)


def data(count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Images whose brightest quarter is their class."""
    return images_and_labels(SHAPE, count)
