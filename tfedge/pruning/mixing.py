"""Whether a function keeps channels apart: found by trying it on random numbers.

A function of one channel gives for some channels of an array what it gives for the whole array at
these places. What mixes channels does not, and neither does what has weights for each of them.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tfedge.keras_graph.kinds import may_have_weights

_SIZE, _CHANNELS = 3, 6


def mixes_channels(function: Any, rank: int) -> bool:
    """Whether results depend on other places of the last axis.

    Args:
        function: of a tensor, such as an activation; None for no function.
        rank: of the tensor, batch included.
    """
    return not _commutes(function, rank, (..., slice(None, None, 2)))


def is_elementwise(function: Any, rank: int) -> bool:
    """Whether every result depends on the number in its place alone."""
    return _commutes(function, rank, (*[slice(0, 2)] * (rank - 1), slice(None, None, 2)))


def _commutes(function: Any, rank: int, places: tuple[Any, ...]) -> bool:
    if function is None:
        return True
    if may_have_weights(function):
        return False
    if isinstance(function, keras.layers.Layer):
        function = function.call
    shape = (*[_SIZE] * (rank - 1), _CHANNELS)
    numbers = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    try:
        whole, part = (_applied(function, x) for x in (numbers, numbers[places]))
    except Exception:  # of its own code: it asks for a number of channels
        return False
    same = whole.shape == shape and part.shape == numbers[places].shape
    return same and bool(np.allclose(whole[places], part, rtol=1e-5, atol=1e-6))


def _applied(function: Any, numbers: np.ndarray) -> np.ndarray:
    result = function(keras.ops.convert_to_tensor(numbers))
    return np.asarray(keras.ops.convert_to_numpy(result))
