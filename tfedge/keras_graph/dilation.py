"""Dilated kernels as larger ones: TFLite has transposed convolutions without dilation alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def spread(kernel: Any, rates: Sequence[int]) -> Any:
    """Put zeros between the taps of a kernel, whose convolution then is the dilated one.

    Args:
        kernel: [*sizes, ...], of any type.
        rates: one for each size: so many places from a tap to the next.

    Returns:
        [*((size - 1) * rate + 1), ...].
    """
    for axis, rate in enumerate(rates):
        if rate > 1:
            zeros = [tf.zeros_like(kernel)] * (rate - 1)
            shape = list(kernel.shape)
            shape[axis] *= rate
            wide = tf.reshape(tf.stack([kernel, *zeros], axis + 1), shape)
            kernel = tf.gather(wide, tf.range(shape[axis] - rate + 1), axis=axis)
    return kernel
