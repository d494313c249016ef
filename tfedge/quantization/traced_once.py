"""Parts of graphs that are traced once and called from then on.

A quantised model computes the same few formulas for every operator: a grid from a range, integer
weights from real ones, a multiplier from scales. As functions that graphs call and do not inline,
they cost a node a call instead of dozens, which tracing and optimising a graph pay for one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def traced_once(*dtypes: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function of tensors of these dtypes and of any shapes.

    The shapes of its results are unknown while graphs are traced; callers that need them say so
    with `tf.ensure_shape` or `set_shape`.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        traced: Callable[..., Any] = tf.function(
            function,
            input_signature=[tf.TensorSpec(None, dtype) for dtype in dtypes],
            autograph=False,
            experimental_attributes={"_noinline": True},
        )
        return traced

    return decorate
