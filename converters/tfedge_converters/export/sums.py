"""Sums as Keras computes them of batches, while a model is exported for a batch of 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from tfedge.keras_graph import private


@contextmanager
def sums_of_batches() -> Iterator[None]:
    """Add tensors of a model's inputs as tensors, whatever their sizes are.

    `keras.ops.add` takes a second operand of one size other than 1 for a bias, along the second or
    the last axis. For a batch of 1 a mask of shape [1, steps, 1] would be one.
    """
    with private.backend_function("numpy", "add", _add):
        yield


def _add(add: Any, x1: Any, x2: Any) -> Any:
    if not (_looks_like_bias(x2) and _is_computed(x2)):
        return add(x1, x2)
    kind = private.result_type(getattr(x1, "dtype", type(x1)), x2.dtype)
    return tf.add(keras.ops.cast(x1, kind), keras.ops.cast(x2, kind))


def _looks_like_bias(x: Any) -> bool:
    if not tf.is_tensor(x) or x.shape.rank is None or x.shape.rank < 2:
        return False
    return x.shape[0] == 1 and sum(size != 1 for size in x.shape) == 1


def _is_computed(x: Any) -> bool:
    """Whether a tensor depends on an input, and not on weights and constants alone."""
    if not hasattr(x, "op"):
        return False
    waiting, seen = [x.op], set()
    while waiting:
        operation = waiting.pop()
        if operation.type == "Placeholder":
            return True
        if operation.name not in seen:
            seen.add(operation.name)
            waiting += [tensor.op for tensor in operation.inputs]
    return False
