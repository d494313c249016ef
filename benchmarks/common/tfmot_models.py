"""The networks of the accuracy benchmarks for tfmot, which trains them in tf_keras."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from common.trials import Trial
from tfedge.pruning import PolynomialDecay
from tfedge.pruning.kernels import chosen_kernels
from tfedge.pruning.named_patterns import get as pattern_of


def tfmot_model(trial: Trial) -> Any:
    """The same network in tf_keras, with the same float weights."""
    import tf_keras

    model = trial.task.build(tf_keras)
    for layer, source in zip(model.layers, trial.model().layers, strict=True):
        layer.set_weights(source.get_weights())
    return model


def pruned_by_tfmot(
    trial: Trial,
    schedule: PolynomialDecay,
    epochs: int,
    rate: float,
    pattern: str = "unstructured",
    **options: Any,
) -> Any:
    """Prunes along the same schedule as `Pruning`, and in the layers that it chooses.

    Args:
        pattern: what we call it.
        options: what tfmot calls it.
    """
    import tf_keras
    from tensorflow_model_optimization.sparsity import keras as tfmot

    model = tfmot_model(trial)
    names = _names_of_layers_to_prune(trial, model, pattern)
    theirs = tfmot.PolynomialDecay(
        0.0, schedule.final_sparsity, 0, schedule.end, schedule.power, schedule.frequency
    )

    def wrapped(layer: Any) -> Any:
        if layer.name not in names:
            return layer
        return tfmot.prune_low_magnitude(layer, theirs, **options)

    wrapper = tf_keras.models.clone_model(model, clone_function=wrapped)
    trial.fit(wrapper, epochs, rate, tf_keras, [tfmot.UpdatePruningStep()])
    return tfmot.strip_pruning(wrapper)


def by_tensorflow(trial: Trial, quantized: Any) -> bytes:
    """The integer file of a model that tfmot trained for it."""
    shape = (1, *trial.split.x_test.shape[1:])
    function = tf.function(lambda x: quantized(x, training=False), autograph=False)
    concrete = function.get_concrete_function(tf.TensorSpec(shape, tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], quantized)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def _names_of_layers_to_prune(trial: Trial, model: Any, pattern: str) -> set[str]:
    """Of the tf_keras model's layers."""
    own = trial.model()
    chosen = {id(kernel.layer) for kernel in chosen_kernels(own, None, pattern_of(pattern))}
    return {
        layer.name
        for layer, source in zip(model.layers, own.layers, strict=True)
        if id(source) in chosen
    }
