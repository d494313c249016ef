"""What a technique trains to without any distribution."""

from __future__ import annotations

import functools

import keras
import numpy as np
import tensorflow as tf
from techniques import BATCH, TECHNIQUES, compiled, data, state_of, train


@functools.cache
def of_one_device(technique: str) -> dict[str, np.ndarray]:
    keras.utils.clear_session()
    model = compiled(technique)
    batches = tf.data.Dataset.from_tensor_slices(data()).batch(BATCH)
    train(model, TECHNIQUES[technique].callbacks(), batches, tf.distribute.get_strategy())
    return state_of(model)
