"""How many to keep, and which."""

from __future__ import annotations

import numpy as np


def keep_count(members: int, sparsity: float) -> int:
    """How many of `members` remain: rounded half to even, in float32, but one at least.

    The same as tfmot (pruning_impl.py, `_update_mask`), so that masks have equally many zeros.
    """
    return max(int(np.rint(np.float32(members) * (np.float32(1) - np.float32(sparsity)))), 1)


def largest(scores: np.ndarray, count: int) -> np.ndarray:
    """Mark the `count` largest in each row of (rows, members); of equals, the first ones."""
    members = scores.shape[1]
    if count >= members:
        return np.ones(scores.shape, bool)
    if count <= 0:
        return np.zeros(scores.shape, bool)
    # Sorted, because NumPy's partition takes ten times as long where many are equal, as the scores
    # of weights that are pruned already.
    limit = np.sort(scores, axis=1)[:, members - count, np.newaxis]
    chosen = scores > limit
    equal = scores == limit
    missing = count - chosen.sum(axis=1, keepdims=True)
    return chosen | (equal & (np.cumsum(equal, axis=1) <= missing))
