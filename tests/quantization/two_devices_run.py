"""Prints how far the ranges found on two devices are from those found on one; run by a test.

Logical devices have to be made before TensorFlow does anything else, hence a process of its own.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from training_cases import compiled, data, small_net

import tfedge


def ranges_on(devices: list[str]) -> list[np.ndarray]:
    """What one epoch without learning finds."""
    strategy = tf.distribute.MirroredStrategy(devices)
    with strategy.scope():
        model = compiled(tfedge.quantize(small_net()), keras.optimizers.SGD(0.0))
    model.fit(*data(), batch_size=32, epochs=1, shuffle=False, verbose=0)
    return [np.stack(_quantizer(model, name).get_weights()) for name in ("image_quantize", "first")]


def _quantizer(model, name):
    return model.get_layer(name).operators[0].quantizer


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    one, two = ranges_on(["CPU:0"]), ranges_on(["CPU:0", "CPU:1"])
    # Batch-norms see halves of a batch on two devices, so only what is in front of them is equal.
    print(float(np.abs(one[0] - two[0]).max()), float(np.abs(one[1] - two[1]).max()))


if __name__ == "__main__":
    main()
