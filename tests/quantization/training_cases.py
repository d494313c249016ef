"""A small net with everything that training has to get right, and data that it can learn."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from bright_quarters import CLASSES, images_and_labels

layers = keras.layers

SHAPE = (8, 8, 2)


def small_net(seed: int = 1, dropout: float = 0.0) -> Any:
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input(SHAPE, name="image")
    x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="first")(x)
    x = layers.ReLU(name="first_relu")(layers.BatchNormalization(name="first_norm")(x))
    y = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.Add(name="sum")([x, layers.BatchNormalization(name="second_norm")(y)])
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, layers.Dense(CLASSES, name="scores")(x), name="small")


def data(count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Images whose brightest quarter is their class."""
    return images_and_labels(SHAPE, count)
