"""Masks are those of TensorFlow Model Optimization, from the same weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfedge.pruning import named_patterns, patterns, schedules
from tfedge.pruning.importance import Magnitude
from tfedge.pruning.kernels import kernels_of
from tfedge.pruning.masks import mask_of
from tfedge.pruning.pruner import Plan, Pruner

tf_keras = pytest.importorskip("tf_keras")
tfmot = pytest.importorskip("tensorflow_model_optimization").sparsity.keras

LAYERS = {
    "dense": (lambda k: k.layers.Dense(24, name="layer"), (48,)),
    "conv": (lambda k: k.layers.Conv2D(12, 3, name="layer"), (8, 8, 16)),
    "conv1d": (lambda k: k.layers.Conv1D(12, 3, name="layer"), (8, 16)),
    "transposed": (lambda k: k.layers.Conv2DTranspose(12, 3, name="layer"), (8, 8, 16)),
    "odd dense": (lambda k: k.layers.Dense(7, name="layer"), (53,)),
}
# tfmot's options, our pattern, and the layers that both know it for.
PATTERNS = {
    "unstructured": ({}, "unstructured", tuple(LAYERS)),
    "2:4": ({"sparsity_m_by_n": (2, 4)}, "2:4", ("dense", "conv")),
    "1:4": ({"sparsity_m_by_n": (3, 4)}, "1:4", ("dense", "conv")),
    "1x4": ({"block_size": (4, 1)}, "1x4", ("dense",)),
    "4x1": ({"block_size": (1, 4)}, "4x1", ("dense",)),
    "2x8": ({"block_size": (8, 2)}, (2, 8), ("dense",)),
    "max of 4x4": (
        {"block_size": (4, 4), "block_pooling_type": "MAX"}, patterns.Blocks(4, 4, "max"),
        ("dense",),
    ),
}  # fmt: skip
CASES = [(layer, name) for name, (_, _, layers) in PATTERNS.items() for layer in layers]


def _theirs(build, shape, kernel, sparsity, options):
    """The mask after tfmot's own training step, without learning."""
    schedule = tfmot.ConstantSparsity(sparsity, 0, frequency=1)
    wrapper = tfmot.prune_low_magnitude(build(tf_keras), schedule, **options)
    model = tf_keras.Sequential([tf_keras.Input(shape), wrapper])
    wrapper.layer.set_weights([kernel, *wrapper.layer.get_weights()[1:]])
    wrapper.pruning_step.assign(0)
    with tf.GradientTape():
        model(np.zeros((1, *shape), np.float32), training=True)
    (_, mask, _), = wrapper.pruning_vars  # fmt: skip
    return mask.numpy() != 0


@pytest.mark.parametrize("sparsity", [0.5, 0.8, 0.333])
@pytest.mark.parametrize(("layer", "pattern"), CASES)
def test_masks_are_equal(layer, pattern, sparsity):
    build, shape = LAYERS[layer]
    options, ours, _ = PATTERNS[pattern]
    made = named_patterns.get(ours)
    if isinstance(made, patterns.NM):
        sparsity = 1 - made.n / made.m
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input(shape), build(keras)])
    kernel = model.get_layer("layer").kernel.numpy()
    plan = Plan(schedules.OneShot(sparsity), made, Magnitude(), "uniform")
    pruner = Pruner(plan, kernels_of(model.get_layer("layer")))
    pruner.renew_if_due(0)
    mask = mask_of(pruner.kernels[0].variable).numpy()
    np.testing.assert_array_equal(mask, _theirs(build, shape, kernel, sparsity, options))
    np.testing.assert_array_equal(
        model.get_layer("layer").kernel.numpy(), np.where(mask, kernel, 0)
    )


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            lambda: tfmot.PolynomialDecay(0.2, 0.9, 10, 60, power=2, frequency=7),
            schedules.PolynomialDecay(0.9, 60, 0.2, 10, power=2, frequency=7),
        ),
        (
            lambda: tfmot.ConstantSparsity(0.7, 5, 40, frequency=9),
            schedules.Constant(0.7, 5, 40, frequency=9),
        ),
    ],
)
def test_schedules_are_equal(theirs, ours):
    """But that ours never end before their end."""
    adapted = schedules.get(theirs())
    assert adapted.final_sparsity == ours.final_sparsity
    for step in range(70):
        theirs_due, ours_due = adapted.last_due(step), ours.last_due(step)
        assert theirs_due == ours_due or (ours_due == ours.end and step >= ours.end)
        if theirs_due is not None:
            assert abs(adapted.sparsity(step) - ours.sparsity(step)) < 1e-6
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(adapted))
    assert again.get_config() == adapted.get_config()
