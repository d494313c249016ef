"""The techniques that training is distributed with, and the loop that trains them anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from bright_quarters import CLASSES, images_and_labels

import tfedge
from tfedge.callbacks import Pruning, QuantizationAwareTraining, WeightClustering
from tfedge.distillation import Distiller, Hint, SoftTargets
from tfedge.pruning import PolynomialDecay, Regrowth, masks_of
from tfedge.quantization import ActivationScheme, Scheme, WeightScheme

SHAPE, BATCH, STEPS = (8, 8, 2), 16, 4

LEARNED = Scheme(
    "learned", WeightScheme(quantizer="learned_step"), ActivationScheme(quantizer="learned_range")
)


def net(width: int = 6) -> Any:
    """Its batch-norm sees the whole batch on any number of devices."""
    keras.utils.set_random_seed(width)
    layers = keras.layers
    x = inputs = keras.Input(SHAPE, name="image")
    x = layers.Conv2D(width, 3, padding="same", use_bias=False, name="first")(x)
    x = layers.BatchNormalization(synchronized=True, name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(inputs, layers.Dense(CLASSES, name="scores")(x), name="small")


def data(count: int = BATCH * STEPS) -> tuple[np.ndarray, np.ndarray]:
    """Images whose brightest quarter is their class."""
    return images_and_labels(SHAPE, count)


@dataclass(frozen=True)
class Technique:
    """A model, and what trains along with it."""

    model: Callable[[], Any]
    callbacks: Callable[[], list[Any]] = list


def _distiller() -> Any:
    return Distiller(net(12), net(), [SoftTargets(2.0), Hint("relu", "relu")], alpha=0.7)


def _pruning() -> list[Any]:
    schedule = Regrowth(PolynomialDecay(0.6, STEPS, frequency=2))
    return [Pruning(schedule, importance="first_order", layers=["first", "scores"])]


TECHNIQUES = {
    "quantized": Technique(net, lambda: [QuantizationAwareTraining("int8")]),
    "quantized_with_learned_scales": Technique(lambda: tfedge.quantize(net(), LEARNED)),
    "pruned": Technique(net, _pruning),
    "clustered": Technique(net, lambda: [WeightClustering(8)]),
    "distilled": Technique(_distiller),
}


def compiled(technique: str, **options: Any) -> Any:
    model = TECHNIQUES[technique].model()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.5), loss, **options)
    return model


def state_of(model: Any) -> dict[str, np.ndarray]:
    """Weights, ranges, and masks."""
    found = {variable.path: np.array(variable) for variable in model.weights}
    # The names of two Keras models' layers, and of nothing else, count up in one process.
    return found | {f"mask/{path}": mask for path, mask in masks_of(model).items()}


def distances(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> list[float]:
    """How far each array is from its like, as a share of its largest value."""
    assert len(first) == len(second)
    return [
        float(np.abs(a.astype(float) - b).max() / max(1.0, np.abs(b.astype(float)).max()))
        for a, b in zip(first.values(), second.values(), strict=True)
    ]


def training_step(model: Any, strategy: Any) -> Any:
    """One step of a loop of one's own, on all replicas of a strategy."""

    def on_a_replica(images: Any, labels: Any) -> None:
        with tf.GradientTape() as tape:
            said = model(images, training=True)
            loss = model.compute_loss(x=images, y=labels, y_pred=said, training=True)
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    @tf.function(autograph=False)
    def step(images: Any, labels: Any) -> None:
        strategy.run(on_a_replica, args=(images, labels))

    return step


def train(model: Any, callbacks: list[Any], batches: Iterable[Any], strategy: Any) -> None:
    """A loop of one's own; what callbacks change is traced anew."""
    hooks = keras.callbacks.CallbackList(callbacks, model=model)
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    model.train_function = step = training_step(model, strategy)
    for number, batch in enumerate(batches):
        hooks.on_train_batch_begin(number)
        if model.train_function is not step:
            model.train_function = step = training_step(model, strategy)
        step(*batch)
        hooks.on_train_batch_end(number)
    hooks.on_epoch_end(0)
    hooks.on_train_end()
