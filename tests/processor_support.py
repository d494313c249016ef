"""Abilities that TensorFlow has on some processors alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf


def needs_channels_first() -> None:
    """Skips a test where TensorFlow, without oneDNN, convolves no channels-first images."""
    images, kernel = np.zeros((1, 1, 3, 3), np.float32), np.zeros((1, 1, 1, 1), np.float32)
    try:
        keras.ops.conv(images, kernel, data_format="channels_first")
    except tf.errors.UnimplementedError:
        pytest.skip("TensorFlow convolves no channels-first images on this processor")
