"""Trains techniques on two devices; run by a test.

It gets a folder, where it leaves final states, and in `devices.json` which of them the devices
disagree about, and what `fit` of plain Keras with XLA fails with. Logical devices have to be made
before TensorFlow does anything else, hence a process of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from techniques import BATCH, TECHNIQUES, compiled, data, net, state_of


def fitted(technique: str, strategy: Any, **options: Any) -> Any:
    keras.utils.clear_session()
    with strategy.scope():
        model = compiled(technique, **options)
    callbacks = TECHNIQUES[technique].callbacks()
    model.fit(*data(), batch_size=BATCH, shuffle=False, verbose=0, callbacks=callbacks)
    return model


def copies_agree(model: Any) -> bool:
    """Whether every device has the same weights."""
    copies = [[copy.numpy() for copy in variable.value.values] for variable in model.weights]
    return all(np.array_equal(first, second) for first, second in copies)


def error_of_plain_keras(strategy: Any) -> str:
    """What `fit` with XLA fails with; nothing if it works."""
    with strategy.scope():
        model = net()
        model.compile("sgd", "mse", jit_compile=True)
    images, _ = data()
    try:
        model.fit(images, np.zeros((len(images), 4)), batch_size=BATCH, verbose=0)
    except Exception as error:  # of TensorFlow, several kinds
        return str(error)
    return ""


def main(folder: Path) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    # TensorFlow numbers collective operations anew in every strategy: a process has one.
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    disagree = []
    for technique in TECHNIQUES:
        model = fitted(technique, strategy)
        np.savez(folder / f"{technique}.npz", **state_of(model))
        disagree += [] if copies_agree(model) else [technique]
    error = error_of_plain_keras(strategy)
    if not error:
        for technique in TECHNIQUES:
            state = state_of(fitted(technique, strategy, jit_compile=True))
            np.savez(folder / f"{technique}_with_xla.npz", **state)
    found = {"disagree": disagree, "error_of_plain_keras_with_xla": error}
    (folder / "devices.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
