"""The Kullback-Leibler divergence of a rounded distribution from the real one.

Source: S. Migacz, "8-bit inference with TensorRT", GTC 2017.
"""

from __future__ import annotations

import numpy as np

_LARGEST = 2048
_CANDIDATES = 128


def least_divergent_threshold(counts: np.ndarray, levels: int) -> int:
    """The number of bins, from 0, to which magnitudes should be cut.

    Args:
        counts: int64 array of magnitudes' counts, with zeros left out; at least one is positive.
        levels: how many integers magnitudes are rounded to.

    Returns:
        Of those tried, the number whose divergence is least, the largest of equals.
    """
    joined = -(-counts.size // _LARGEST)
    padded = np.pad(counts, (0, -counts.size % joined))
    coarse = padded.reshape(-1, joined).sum(axis=1).astype(np.float64)
    coarse = coarse[: int(np.flatnonzero(coarse)[-1]) + 1]
    if coarse.size <= levels:
        return int(coarse.size) * joined
    tried = np.unique(np.linspace(coarse.size, levels, _CANDIDATES).astype(int))[::-1]
    divergences = [_divergence(coarse, int(size), levels) for size in tried]
    return int(tried[int(np.argmin(divergences))]) * joined


def _divergence(counts: np.ndarray, size: int, levels: int) -> float:
    """Of the first `size` bins, with what lies beyond in the last, from their rounding."""
    inside = counts[:size]
    real = inside.copy()
    real[-1] += counts[size:].sum()
    level = np.arange(size) * levels // size
    occupied = inside > 0
    sums = np.bincount(level, weights=inside, minlength=levels)
    shares = np.bincount(level, weights=occupied, minlength=levels)
    rounded = np.where(occupied, sums[level] / np.maximum(shares[level], 1), 0.0)
    some = real > 0
    if not rounded[some].all():
        return np.inf
    p, q = real[some] / real.sum(), rounded[some] / rounded.sum()
    return float(p @ np.log(p / q))
