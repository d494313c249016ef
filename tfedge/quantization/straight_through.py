"""Gradients of rounding.

Source: Bengio, Léonard and Courville, "Estimating or Propagating Gradients Through Stochastic
Neurons", 2013 (the straight-through estimator); Esser et al., "Learned Step Size Quantization",
ICLR 2020 (the scaled gradient of a step).
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def round_straight_through(x: Any) -> Any:
    """Nearest integers; the gradient is that of `x`."""
    return x + tf.stop_gradient(tf.round(x) - x)


def scale_gradient(x: Any, factor: Any) -> Any:
    """`x`, with its gradient multiplied by `factor`."""
    scaled = x * factor
    return scaled + tf.stop_gradient(x - scaled)


def connected(x: Any, variables: list[Any]) -> Any:
    """`x`, with gradients of zero to variables that wait for their turn to train."""
    for variable in variables:
        x = x + 0.0 * tf.cast(tf.reduce_sum(variable.value), x.dtype)
    return x
