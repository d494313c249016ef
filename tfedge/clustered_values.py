"""Which weights share a few values, told from the weights alone."""

from __future__ import annotations

import numpy as np

_MOST_SHARED = 256
_LARGEST_SHARE = 0.75


def count_values(values: np.ndarray) -> int:
    """How many different values there are."""
    return len(np.unique(values))


def is_clustered(rows: np.ndarray) -> bool:
    """Whether weights were shared among channels.

    Args:
        rows: weights (channels, weights of a channel).

    Returns:
        Whether there are at most 256 values, of which those but 0 are at most three quarters of
        as many as weights, and as the values that the channels have if each is counted by itself.
        Trained float weights hardly ever coincide.
    """
    used = rows[rows != 0]
    count = count_values(used)
    if not (1 < count <= _MOST_SHARED and count <= _LARGEST_SHARE * used.size):
        return False
    by_channel = sum(count_values(row[row != 0]) for row in rows)
    return len(rows) == 1 or count <= _LARGEST_SHARE * by_channel
