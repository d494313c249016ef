"""Images that small nets learn in a few steps, for whatever has to train in a test."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

CLASSES = 4


def images_and_labels(
    shape: tuple[int, int, int], count: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Noise of a shape (8, 8, channels), brightest in the quarter that is the class."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % CLASSES
    images = rng.normal(size=(count, *shape)).astype(np.float32)
    for image, label in zip(images, labels, strict=True):
        image[(label // 2) * 4 :][:4, (label % 2) * 4 :][:, :4] += 2
    return images, labels


def compiled(model: Any, optimizer: Any = "sgd", *, built: bool = True, **options: Any) -> Any:
    """Compiles a model that gives scores.

    A training step that makes variables is traced twice, which takes longer than small nets train:
    so the optimizer has its variables before, unless a test is about one that has none yet, and no
    metric is there but those that a test asks for.
    """
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, **options)
    if built:
        model.optimizer.build(model.trainable_variables)
    return model
