"""The Kullback-Leibler divergence of a rounded distribution from the real one.

Source: S. Migacz, "8-bit inference with TensorRT", GTC 2017; without atoms, which is ours.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

_LARGEST = 2048
_CANDIDATES = 128
# A bin that holds more than so many times what its neighbours do holds an atom.
_ATOM = 2


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
    coarse = _without_atoms(coarse[: int(np.flatnonzero(coarse)[-1]) + 1], levels)
    if coarse.size <= levels:
        return int(coarse.size) * joined
    tried = np.unique(np.linspace(coarse.size, levels, _CANDIDATES).astype(int))[::-1]
    divergences = [_divergence(coarse, int(size), levels) for size in tried]
    return int(tried[int(np.argmin(divergences))]) * joined


def _without_atoms(counts: np.ndarray, levels: int) -> np.ndarray:
    """Counts of at most `_ATOM` times the median of the bins that may share a level with theirs.

    Behind a constant background, as most images have, thousands of values are equal. Rounding keeps
    such an atom, but its level also holds its neighbours, which looks like a great loss that only a
    threshold so low that every bin is a level avoids.
    """
    reach = 2 * (_LARGEST // levels) + 1
    windows = sliding_window_view(np.pad(counts, reach, mode="edge"), 2 * reach + 1)
    usual = np.median(windows, axis=1)
    return np.minimum(counts, np.maximum(_ATOM * usual, 1.0))


def _divergence(counts: np.ndarray, size: int, levels: int) -> float:
    """Return the divergence of the first `size` bins, those beyond added to the last, when
    rounded."""
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
