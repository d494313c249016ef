"""What code says of signs: never that something is positive which is not."""

from __future__ import annotations

import keras
import pytest
from keras import layers, ops

from tfedge.keras_graph.signs import is_positive

POSITIVE = {
    "exponential": lambda x: ops.exp(x),
    "root": lambda x: ops.sqrt(ops.mean(ops.square(x), -1, keepdims=True) + 1e-6),
    "product with itself": lambda x: x * x + 1.0,
    "sum of distances": lambda x: ops.sum(ops.abs(x), 1) + 1,
    "lifted function": lambda x: 2 + layers.Dense(3, activation="elu")(x),
    "at least one": lambda x: ops.maximum(ops.sum(x, 1), 1),
    "moved weights": lambda x: ops.transpose(ops.softmax(x), (0, 2, 1))[:, :1],
}
UNKNOWN = {
    "input": lambda x: x,
    "root of squares": lambda x: ops.sqrt(ops.mean(ops.square(x), -1)),
    "function at its bound": lambda x: layers.Dense(3, activation="elu")(x) + 1.0,
    "difference": lambda x: ops.exp(x) - 1.0,
    "negative factor": lambda x: ops.exp(x) * -1.0,
    "dense": lambda x: layers.Dense(3)(ops.exp(x)),
    "deviation": lambda x: ops.std(x, -1),
    "lesser": lambda x: ops.minimum(ops.exp(x), x),
}


@pytest.mark.parametrize("name", POSITIVE)
def test_what_is_positive(name: str):
    assert is_positive(POSITIVE[name](keras.Input((4, 5))))


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_may_be_zero_or_less(name: str):
    assert not is_positive(UNKNOWN[name](keras.Input((4, 5))))


def test_what_is_reached_on_many_ways_is_looked_at_once():
    x = ops.exp(keras.Input((4,)))
    for _ in range(60):
        x = ops.multiply(x, x)
    assert is_positive(x)
