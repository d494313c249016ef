"""Prints how far weights shared on two devices are from those on one; run by a test.

Logical devices have to be made before TensorFlow does anything else, hence a process of its own.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from clustered_nets import SHAPE, compiled, counts, data

from tfedge.callbacks import WeightClustering
from tfedge.pruning.kernels import selected_kernels


def trained_on(devices: list[str]) -> tuple[list[np.ndarray], list[int]]:
    """A net without batch-norm, which would see other batches on two devices."""
    keras.utils.set_random_seed(1)
    with tf.distribute.MirroredStrategy(devices).scope():
        model = keras.Sequential(
            [
                keras.Input(SHAPE),
                keras.layers.Conv2D(8, 3, activation="relu"),
                keras.layers.Flatten(),
                keras.layers.Dense(4),
            ]
        )
        compiled(model, keras.optimizers.SGD(0.05))
    model.fit(
        *data(), batch_size=32, epochs=2, shuffle=False, verbose=0, callbacks=[WeightClustering(8)]
    )
    return [kernel.values() for kernel in selected_kernels(model)], counts(model)


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    (one, _), (two, values) = trained_on(["CPU:0"]), trained_on(["CPU:0", "CPU:1"])
    print(max(float(np.abs(a - b).max()) for a, b in zip(one, two, strict=True)), *values)


if __name__ == "__main__":
    main()
