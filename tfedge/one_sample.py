"""One sample in two batches, in another place and beside other samples.

What a model computes of it has to be the same in both, for a device has one sample at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

# Where the sample lies in the first batch and in the second: layers that read "the first" or "the
# last" sample of a batch read another one.
FIRST, SECOND = 0, 1


def batch_of(inputs: Sequence[Any]) -> int:
    """Return how many samples inputs have, where all have the same number; else 1."""
    sizes = {len(x) if len(x.shape) else 1 for x in inputs}
    return sizes.pop() if len(sizes) == 1 else 1


def among_others(inputs: Sequence[Any]) -> list[Any]:
    """Return a batch of the same size whose second sample is the first of `inputs`.

    The others are put together from numbers of the first two samples, so that whatever may stand in
    an input still does; of real numbers, from the least and the largest, for what finds these.

    Args:
        inputs: tensors whose first axis is two samples or more.
    """
    rng = np.random.default_rng(0)
    return [_among_others(x, rng) for x in inputs]


def _among_others(x: Any, rng: np.random.Generator) -> Any:
    one, low, high = x[0], x[0], x[1]
    if keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype)):
        low, high = keras.ops.min(x[:2]), keras.ops.max(x[:2])
    samples = [keras.ops.where(rng.random(one.shape) < 0.5, low, high) for _ in range(len(x))]
    samples[SECOND] = one
    return keras.ops.stack(samples)


def of_the_sample(result: Any, place: int, batch: int) -> Any:
    """Return what a layer's result for a batch is of one sample.

    Args:
        result: its first axis is taken for the batch's, with one row or more of every sample; where
            it has no such size, all of it is returned.
        place: of the sample in the batch.
        batch: how many samples there are.
    """
    rows, rest = divmod(len(result), batch) if len(result.shape) else (0, 0)
    return result if not rows or rest else result[place * rows : (place + 1) * rows]
