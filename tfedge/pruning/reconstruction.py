"""Which weights of a layer can go, and what the others become so that its results stay.

A row w of weights gave w x. Pruned to the support S, on inputs y that pruned layers in front of it
may have changed, it comes nearest with w_S = H_SS⁻¹ (C w)_S, where H = sum of y yᵀ and
C = sum of y xᵀ; removing weight j of it alone costs w_j² / (H_SS⁻¹)_jj more (optimal brain surgeon,
Hassibi & Stork 1993; row by row as in Frantar & Alistarh 2022, arXiv:2208.11580).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

# What is added to the diagonal, as a share of its mean, as in SparseGPT (arXiv:2301.00774).
DAMPING = 0.01
# Pruning goes on in so many rounds, with costs known anew for what is left.
ROUNDS = 4

# Of scores (outputs, reduction) and a sparsity, the mask.
Choose = Callable[[np.ndarray, float], np.ndarray]


@dataclass
class Moments:
    """Inputs of a layer: what it was trained on, and what it gets now.

    Attributes:
        now: sums of y yᵀ, (groups, reduction, reduction), float64; outputs come in as many equal
            parts, each with inputs of its own.
        before: sums of y xᵀ, of the same shape.
    """

    now: np.ndarray
    before: np.ndarray

    def damped(self) -> Moments:
        """The same, with a preference for weights as they were."""
        size = self.now.shape[-1]
        mean = np.trace(self.now, axis1=1, axis2=2) / size
        extra = np.where(mean > 0, DAMPING * mean, 1.0)[:, np.newaxis, np.newaxis] * np.eye(size)
        return Moments(self.now + extra, self.before + extra)


def fit(weights: np.ndarray, moments: Moments, mask: np.ndarray) -> np.ndarray:
    """The weights that come nearest under a mask.

    Args:
        weights: (outputs, reduction), as trained.
        moments: damped.
        mask: of their shape.

    Returns:
        float64, exactly 0 where pruned.
    """
    found = np.zeros(weights.shape)
    for support, group, rows in _alike(mask, len(moments.now)):
        matrix = moments.now[group][np.ix_(support, support)]
        results = moments.before[group][support] @ weights[rows].T.astype(np.float64)
        found[np.ix_(rows, support)] = np.linalg.solve(matrix, results).T
    return found


def reconstruct(
    weights: np.ndarray, moments: Moments, choose: Choose, sparsity: float
) -> tuple[np.ndarray, np.ndarray]:
    """Prune a matrix.

    Args:
        weights: (outputs, reduction).
        moments: damped.
        choose: says which weights remain.
        sparsity: in the end.

    Returns:
        The new weights, as of `fit`, and the mask.
    """
    mask = np.ones(weights.shape, bool)
    for turn in range(1, ROUNDS + 1):
        costs = _costs(fit(weights, moments, mask), moments, mask)
        mask = choose(costs, sparsity * turn / ROUNDS)
    return fit(weights, moments, mask), mask


def _costs(weights: np.ndarray, moments: Moments, mask: np.ndarray) -> np.ndarray:
    """Compute what every weight's removal costs; -1 of those that are gone."""
    costs = np.full(weights.shape, -1.0)
    for support, group, rows in _alike(mask, len(moments.now)):
        inverse = np.linalg.inv(moments.now[group][np.ix_(support, support)])
        costs[np.ix_(rows, support)] = weights[np.ix_(rows, support)] ** 2 / np.diag(inverse)
    return costs


def _alike(mask: np.ndarray, groups: int) -> Iterator[tuple[np.ndarray, int, np.ndarray]]:
    """Indices of supports, with the group and the rows that have them."""
    rows: dict[tuple[int, bytes], list[int]] = {}
    for row, kept in enumerate(mask):
        rows.setdefault((row * groups // len(mask), kept.tobytes()), []).append(row)
    for (group, _), alike in rows.items():
        yield np.flatnonzero(mask[alike[0]]), group, np.array(alike)
