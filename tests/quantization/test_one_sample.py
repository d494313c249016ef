"""A device has one sample at a time: what computes over a batch is refused, and nothing else."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

import tfedge
from tfedge.errors import UnsupportedError
from tfedge.one_sample import FIRST, SECOND, among_others, of_the_sample

MIXING = {
    "mean": lambda x: x - ops.mean(x, axis=0, keepdims=True),
    "all": lambda x: x - ops.max(x),
    "flip": lambda x: ops.flip(x, axis=0),
    "softmax": lambda x: ops.softmax(x, axis=0),
    "concatenate": lambda x: ops.concatenate([x, -x], axis=0),
    "similarity": lambda x: ops.matmul(x, ops.transpose(x)),
    "first": lambda x: x - ops.take(x, [0], axis=0),
    "last": lambda x: x - ops.take(x, [-1], axis=0),
}
KEEPING = {
    "rows of samples": lambda x: ops.reshape(x, (-1, 2)),
    "steps first": lambda x: ops.transpose(
        ops.flip(ops.transpose(ops.reshape(x, (-1, 2, 4)), (1, 0, 2)), axis=0), (1, 0, 2)
    ),
    "positions": lambda x: x + ops.reshape(ops.arange(8, dtype="float32"), (1, 8)),
}


def model_of(function):
    keras.utils.set_random_seed(1)
    x = keras.Input((6,))
    return keras.Model(x, function(layers.Dense(8)(x)))


@pytest.mark.parametrize("name", MIXING)
def test_what_computes_over_the_batch_is_refused(name):
    model = model_of(MIXING[name])
    said = "depends on the other samples of its batch"
    with pytest.raises(UnsupportedError, match=rf"{said} \(first seen at operation '"):
        tfedge.quantize(model)
    with pytest.raises(UnsupportedError, match=said):
        tfedge.convert(model, target="tflite", quantization="float32")


@pytest.mark.parametrize("name", KEEPING)
def test_other_uses_of_the_first_axis_are_not(name):
    model = model_of(KEEPING[name])
    tfedge.quantize(model)
    tfedge.convert(model, target="tflite", quantization="float32")


def test_a_batch_of_one_is_all_there_is():
    x = keras.Input(batch_shape=(1, 6))
    model = keras.Model(x, ops.softmax(layers.Dense(8)(x), axis=0))
    tfedge.convert(model, target="tflite", quantization="float32")


def test_one_sample_in_two_batches():
    """The others are neither of those that it had beside it."""
    x = ops.convert_to_tensor(np.arange(24).reshape(3, 8))
    (other,) = among_others([x])
    first, second = of_the_sample(x, FIRST, batch=3), of_the_sample(other, SECOND, batch=3)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, x[:1])
    for sample in (other[0], other[2]):
        assert not (sample == x).numpy().all(axis=1).any()
        assert (sample == x).numpy().any(axis=0).all()
