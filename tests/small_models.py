"""Small float models that several tests convert."""

from __future__ import annotations

import keras
from keras import layers

from tfedge_converters.export import export_keras


def detector_of(ends):
    """Boxes of hundreds of pixels, and scores between 0 and 1, as a .tflite file.

    Args:
        ends: from both, of shapes (4, 4) and (4, 3), to the outputs.
    """
    keras.utils.set_random_seed(1)
    image = keras.Input((8, 8, 3), batch_size=1, name="image")
    x = layers.Conv2D(8, 3, strides=2, activation="relu", name="first")(image)
    x = layers.Flatten(name="flat")(x)
    pixels = layers.Dense(16, name="boxes", kernel_initializer=_large)(x)
    likely = layers.Dense(12, activation="sigmoid", name="scores")(x)
    ends = ends(layers.Reshape((4, 4))(pixels), layers.Reshape((4, 3))(likely))
    return export_keras(keras.Model(image, ends))


def _large(shape, dtype=None):
    return 300 * keras.initializers.GlorotUniform(3)(shape, dtype=dtype)


def convolutions():
    """Three convolutions in a row, and scores, as a .tflite file."""
    keras.utils.set_random_seed(4)
    x = image = keras.Input((8, 8, 3), batch_size=1, name="image")
    for name in ("one", "two", "three"):
        x = layers.Conv2D(6, 3, padding="same", activation="relu", name=name)(x)
    x = layers.Dense(4, name="scores")(layers.Flatten(name="flat")(x))
    return export_keras(keras.Model(image, x))
