"""Short numbers that tell samples apart."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfedge.errors import TfedgeError


def fingerprints(x: Any) -> Any:
    """One int64 for every sample of a batch, (batch,): a multilinear hash of its bits.

    Source: Lemire and Kaser, "Strongly universal string hashing is fast", 2014, without the final
    shift: data that differ by accident, not by design, have the same one once in 2^32 or less.

    Args:
        x: arrays or tensors of numbers or booleans (batch, …), nested.

    Raises:
        TfedgeError: they are of another type.
    """
    leaves = keras.tree.flatten(x)
    return sum(_hashed(tf.convert_to_tensor(leaf), seed) for seed, leaf in enumerate(leaves))


def _hashed(x: Any, seed: int) -> Any:
    bits = _as_integers(x)
    bits = tf.reshape(bits, [tf.shape(bits)[0], int(np.prod(bits.shape[1:]))])
    factors = np.random.default_rng(seed).integers(
        -(2**63), 2**63 - 1, bits.shape[1] + 1, dtype=np.int64
    )
    return tf.reduce_sum(bits * factors[1:], axis=1) + factors[0]


def _as_integers(x: Any) -> Any:
    if x.dtype in (tf.float16, tf.bfloat16, tf.float64):
        x = tf.cast(x, tf.float32)
    if x.dtype == tf.float32:
        return tf.cast(tf.bitcast(x, tf.int32), tf.int64)
    if x.dtype == tf.bool or x.dtype.is_integer:
        return tf.cast(x, tf.int64)
    raise TfedgeError(f"samples of type {x.dtype.name} have no fingerprint; turn them into numbers")
