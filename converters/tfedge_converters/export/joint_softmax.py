"""Exported form of Softmax layers over several axes: one SOFTMAX of all.

Keras writes it as exponentials of what is left of a logarithm of a sum of exponentials, which
integers hold badly, of as many dimensions as attention over several axes has, which kernels lack.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from tfedge.keras_graph import private


@contextmanager
def joint_softmaxes(model: Any) -> Iterator[None]:
    """Make Softmax over several axes one operator, between reshapes."""
    layers = [
        layer
        for layer in private.layers_in(model)
        if type(layer).call is keras.layers.Softmax.call and _is_joint(layer.axis)
    ]
    try:
        for layer in layers:
            # Past Keras' own attribute tracking, which would remember it.
            vars(layer)["call"] = _Exported(layer.axis)
        yield
    finally:
        for layer in layers:
            vars(layer).pop("call", None)


def _is_joint(axis: Any) -> bool:
    return isinstance(axis, (tuple, list)) and len(axis) > 1


class _Exported:
    """A layer's `call`."""

    def __init__(self, axes: Sequence[int]):
        self._axes = axes
        self._softmax = keras.layers.Softmax(axis=-1)

    def __call__(self, inputs: Any, mask: Any = None) -> Any:
        rank = len(inputs.shape)
        axes = sorted(axis % rank for axis in self._axes)
        order = [axis for axis in range(rank) if axis not in axes] + axes
        if mask is not None:
            mask = _joined(tf.broadcast_to(mask, tf.shape(inputs)), order, len(axes))
        outputs = self._softmax.call(_joined(inputs, order, len(axes)), mask=mask)
        moved = tf.reshape(outputs, [inputs.shape[axis] for axis in order])
        return _transposed(moved, [order.index(axis) for axis in range(rank)])


def _joined(x: Any, order: Sequence[int], joint: int) -> Any:
    """A matrix whose rows are what one softmax is taken of."""
    columns = math.prod(x.shape[axis] for axis in order[len(order) - joint :])
    return tf.reshape(_transposed(x, order), [-1, columns])


def _transposed(x: Any, order: Sequence[int]) -> Any:
    return x if list(order) == sorted(order) else tf.transpose(x, order)
