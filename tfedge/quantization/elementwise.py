"""Functions of one activation: whatever they are made of, the device looks them up in one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tfedge.quantization.builders import FUNCTION, Builder, own
from tfedge.quantization.operator_factory import Function, OperatorFactory


def function(code: str = FUNCTION) -> Builder:
    """A builder of a layer that computes every element from itself alone.

    Args:
        code: TFLite's operator, where there is one.
    """
    return lambda make: own(code, make)


def elementwise_function(make: OperatorFactory, apply: Callable[[Any], Any]) -> Function:
    """An activation function without an operator of its own, as a table."""
    return make.own(FUNCTION, lambda operands: apply(operands[0]), part="function")


def is_elementwise(apply: Callable[[Any], Any]) -> bool:
    """Whether a function computes every element from itself alone: tried on numbers.

    Args:
        apply: of a float32 tensor; whatever it raises means no.
    """
    x = np.linspace(-4, 4, 24, dtype=np.float32)
    order = np.random.default_rng(0).permutation(24)
    try:
        one, other, part = (
            np.asarray(keras.ops.convert_to_numpy(apply(keras.ops.convert_to_tensor(given))))
            for given in (x.reshape(4, 6), x[order].reshape(2, 12), x[:6].reshape(1, 6))
        )
    except Exception:  # whatever a user's function raises
        return False
    if one.shape != (4, 6) or other.shape != (2, 12) or part.shape != (1, 6):
        return False
    # Vectorised functions may differ by an ulp with the place in a vector.
    whole = one.reshape(-1)
    return np.allclose(other.reshape(-1), whole[order], 1e-5, 1e-6) and np.allclose(
        part.reshape(-1), whole[:6], 1e-5, 1e-6
    )
