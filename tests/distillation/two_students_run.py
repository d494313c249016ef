"""Prints how far a student trained on two devices is from one trained on one; run by a test.

Logical devices have to be made before TensorFlow does anything else, hence a process of its own.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from distilled_nets import CLASSES, LOSS, SHAPE, data

from tfedge import distillation as d


def plain_net(width: int) -> keras.Model:
    """Without batch-norm, whose statistics are of half a batch on each of two devices."""
    keras.utils.set_random_seed(width)
    layers = keras.layers
    x = inputs = keras.Input(SHAPE)
    x = layers.Conv2D(width, 3, activation="relu", name="inner")(x)
    return keras.Model(inputs, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(x)))


def student_on(devices: list[str]) -> list[np.ndarray]:
    with tf.distribute.MirroredStrategy(devices).scope():
        student = plain_net(6)
        keras.utils.set_random_seed(1)
        losses = [d.SoftTargets(2.0), d.Hint("inner", "inner")]
        distiller = d.Distiller(plain_net(12), student, losses, alpha=0.7)
        distiller.compile(keras.optimizers.SGD(0.1), LOSS)
    distiller.fit(*data(), batch_size=32, epochs=2, shuffle=False, verbose=0)
    return [*student.get_weights(), losses[1].projection.numpy()]


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    one, two = student_on(["CPU:0"]), student_on(["CPU:0", "CPU:1"])
    print(max(float(np.abs(a - b).max()) for a, b in zip(one, two, strict=True)))


if __name__ == "__main__":
    main()
