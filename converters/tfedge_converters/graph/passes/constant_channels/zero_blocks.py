"""Weights that were pruned in blocks, which kernels in C leave out whole."""

from __future__ import annotations

import numpy as np

# Input values of a block, side by side in one tap: `tfedge.pruning.InputBlocks`.
BLOCK = 4

# Zeros come in blocks where at least this share of the blocks is zero, and at least that share of
# the weights in all others is not: zeros that fell one by one leave holes.
_LEAST_BLOCKS, _LEAST_FULL = 0.1, 0.7


def has_zero_blocks(weights: np.ndarray) -> bool:
    """Whether weights were pruned in blocks.

    Channels without a weight, and inputs that nobody reads, say nothing of that: they go anyway.

    Args:
        weights: (channels, taps, columns).
    """
    columns = weights.shape[2]
    if columns < BLOCK:
        return False
    starts = np.arange(0, columns, BLOCK)
    nonzero = np.add.reduceat(weights != 0, starts, axis=2, dtype=np.int64)
    used = nonzero.any(axis=(1, 2)), nonzero.any(axis=(0, 1))
    nonzero = nonzero[used[0]][..., used[1]]
    sizes = np.broadcast_to(np.minimum(columns - starts, BLOCK)[used[1]], nonzero.shape)
    alive = nonzero > 0
    if not alive.any() or np.mean(~alive) < _LEAST_BLOCKS:
        return False
    return bool(nonzero[alive].sum() >= _LEAST_FULL * sizes[alive].sum())


def whole_blocks(needed: np.ndarray) -> np.ndarray:
    """The channels that stay so that blocks begin where they began: all of each block, or none.

    Args:
        needed: bool (channels,); where blocks do not divide them, all stay.
    """
    if len(needed) % BLOCK:
        return np.ones(len(needed), bool)
    return np.repeat(needed.reshape(-1, BLOCK).any(axis=1), BLOCK)
