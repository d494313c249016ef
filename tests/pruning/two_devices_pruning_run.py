"""Prints in how many places masks chosen on two devices differ from those of one; run by a test.

Logical devices have to be made before TensorFlow does anything else, hence a process of its own.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from pruning_cases import SHAPE, compiled, decay, fit

from tfedge.callbacks import Pruning
from tfedge.pruning import Regrowth, masks_of


def pruned_on(devices: list[str]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Masks and weights; without batch-norms, which see halves of a batch on two devices."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    with tf.distribute.MirroredStrategy(devices).scope():
        model = keras.Sequential(
            [keras.Input(SHAPE), layers.Conv2D(8, 3, activation="relu"), layers.Flatten(),
             layers.Dense(4)]
        )  # fmt: skip
        optimizer = keras.optimizers.SGD(0.01, use_ema=True, ema_momentum=0.5)
        compiled(model, optimizer)
    fit(model, Pruning(Regrowth(decay()), importance="first_order"))
    copies = [
        copy.numpy() for variable in model.weights for copy in getattr(variable.value, "values", ())
    ]
    for first, second in zip(copies[0::2], copies[1::2], strict=True):
        if len(devices) == 2:
            np.testing.assert_array_equal(first, second)
    return masks_of(model), {variable.path: variable.numpy() for variable in model.weights}


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    (masks, weights), (masks_2, weights_2) = pruned_on(["CPU:0"]), pruned_on(["CPU:0", "CPU:1"])
    differ = sum(int((a != b).sum()) for a, b in zip(masks.values(), masks_2.values(), strict=True))
    pruned = sum(int((~mask).sum()) for mask in masks.values())
    far = max(
        float(np.abs(a - b).max())
        for a, b in zip(weights.values(), weights_2.values(), strict=True)
    )
    print(pruned, differ, far)


if __name__ == "__main__":
    main()
