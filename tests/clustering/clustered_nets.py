"""A net that is small but has kernels large enough to be shared, and what is asked of them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from bright_quarters import CLASSES, images_and_labels

from tfedge.pruning.kernels import Kernel, selected_kernels

layers = keras.layers
SHAPE = (8, 8, 2)


def net(seed: int = 1) -> Any:
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input(SHAPE, name="image")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="first")(x)
    x = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm")(x))
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.Flatten(name="flat")(layers.MaxPooling2D(2, name="pool")(x))
    return keras.Model(inputs, layers.Dense(CLASSES, name="scores")(x), name="small")


def data(count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Images whose brightest quarter is their class."""
    return images_and_labels(SHAPE, count)


def fit(model: Any, epochs: int = 1, callbacks: Any = ()) -> dict[str, list[float]]:
    history = model.fit(
        *data(), batch_size=16, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks)
    )
    return history.history


def prune(model: Any, share: float = 0.6) -> None:
    """Sets the smallest weights of every kernel to zero."""
    for kernel in selected_kernels(model):
        values = kernel.values().copy()
        order = np.abs(values).reshape(-1).argsort(kind="stable")
        values.reshape(-1)[order[: round(share * values.size)]] = 0
        kernel.variable.assign(values)


def counts(model: Any) -> list[int]:
    """Different values of each kernel."""
    return [len(np.unique(kernel.values())) for kernel in selected_kernels(model)]


def zeros(model: Any) -> list[int]:
    return [int((kernel.values() == 0).sum()) for kernel in selected_kernels(model)]


def kernel_of(model: Any, name: str) -> Kernel:
    return next(kernel for kernel in selected_kernels(model) if kernel.name == name)
