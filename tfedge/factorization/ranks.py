"""How many terms of a factorisation are worth having."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.pruning import budget as budgets
from tfedge.pruning.budget import Budget

_GRID = 400
_REFINEMENTS = 60
_TINY = 1e-12
_GOLDEN = (5**0.5 - 1) / 2


class RankRule:
    """Rule for the rank of a matrix; a base class for your own."""

    def rank(self, matrix: np.ndarray) -> int:
        """How many singular values of a matrix (rows, columns) to keep, from 1 on."""
        raise NotImplementedError


@dataclass(frozen=True)
class Fixed(RankRule):
    """The same rank everywhere, or the largest that a matrix has.

    Attributes:
        value: 1 or more.
    """

    value: int

    def __post_init__(self) -> None:
        if self.value < 1:
            raise TfedgeError(f"a rank is 1 or more, not {self.value}")

    def rank(self, matrix: np.ndarray) -> int:
        """Return the rank, as `RankRule` says."""
        return min(self.value, *matrix.shape)


@dataclass(frozen=True)
class Energy(RankRule):
    """Rank with a given share of the sum of all squared singular values.

    Attributes:
        share: above 0 and at most 1.
    """

    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise TfedgeError(f"a share of the energy is above 0 and at most 1, not {self.share}")

    def rank(self, matrix: np.ndarray) -> int:
        """Return the rank, as `RankRule` says."""
        energy = np.cumsum(np.linalg.svd(matrix, compute_uv=False) ** 2)
        return 1 + int(np.searchsorted(energy, self.share * energy[-1] * (1 - 1e-12)))


@dataclass(frozen=True)
class Vbmf(RankRule):
    """Rank of the singular values that stand out of noise, at least 1; see `evbmf_rank`."""

    def rank(self, matrix: np.ndarray) -> int:
        """Return the rank, as `RankRule` says."""
        return max(1, evbmf_rank(matrix))


def evbmf_rank(matrix: np.ndarray) -> int:
    """The rank by empirical variational Bayesian matrix factorisation, its noise unknown.

    Nakajima, Sugiyama, Babacan and Tomioka, Global Analytic Solution of Fully-observed Variational
    Bayesian Matrix Factorization (2013): singular values stand out above
    sqrt(columns * variance * (1 + t) * (1 + ratio / t)) with t = 2.5129 sqrt(ratio), where the
    noise's variance is the one of the least free energy between the paper's bounds.

    Args:
        matrix: (rows, columns), in any order.

    Returns:
        The number of singular values above the threshold; 0 if all of them look like noise.
    """
    rows, columns = sorted(matrix.shape)
    squares = np.linalg.svd(matrix, compute_uv=False) ** 2
    ratio = rows / columns
    edge = 2.5129 * np.sqrt(ratio)
    least = (1 + edge) * (1 + ratio / edge)
    bound = min(int(np.ceil(rows / (1 + ratio))) - 1, rows) - 1
    upper = squares.sum() / (rows * columns)
    behind = squares[bound + 1 :]
    if upper <= 0:
        return 0
    tail = [behind[0] / (columns * least), behind.mean() / columns] if len(behind) else []
    lower = min(max([*tail, upper * _TINY]), upper)
    variance = _least(lambda v: _free_energy(v, squares, rows, columns, least), lower, upper)
    return int((squares > columns * variance * least).sum())


def _free_energy(
    variance: float, squares: np.ndarray, rows: int, columns: int, least: float
) -> float:
    """Compute the paper's analytic free energy, but for constants, for noise of this variance."""
    ratio = rows / columns
    x = squares / (columns * variance)
    signal, noise = x[x > least], np.maximum(x[x <= least], 1e-300)
    moved = signal - (1 + ratio)
    tau = 0.5 * (moved + np.sqrt(np.maximum(moved**2 - 4 * ratio, 0)))
    return float(
        (noise - np.log(noise)).sum()
        + (signal - tau).sum()
        + np.log((tau + 1) / signal).sum()
        + ratio * np.log(tau / ratio + 1).sum()
    )


def _least(function: Callable[[float], float], lower: float, upper: float) -> float:
    """Where a function is least: the best of a grid, refined by the golden section."""
    grid = np.geomspace(lower, upper, _GRID)
    best = int(np.argmin([function(point) for point in grid]))
    a, b = grid[max(best - 1, 0)], grid[min(best + 1, _GRID - 1)]
    for _ in range(_REFINEMENTS):
        c, d = b - _GOLDEN * (b - a), a + _GOLDEN * (b - a)
        a, b = (a, d) if function(c) < function(d) else (c, b)
    return float((a + b) / 2)


Rank = RankRule | Budget | Mapping[str, RankRule]

_ENERGY = re.compile(r"\s*([0-9.]+)\s*%\s*energy\s*", re.IGNORECASE)


def get(rank: int | str | RankRule | Budget | Mapping[str, int | str | RankRule]) -> Rank:
    """A rule or a budget from its description.

    Args:
        rank: a number, "90% energy", "vbmf", "50% macs" or "50% parameters", the object of any of
            these, or a dict of them by the names of layers, without budgets.

    Raises:
        TfedgeError: it is none of these.
    """
    if isinstance(rank, (RankRule, Budget)):
        return rank
    if isinstance(rank, Mapping):
        return {name: _rule(name, each) for name, each in rank.items()}
    if isinstance(rank, int) and not isinstance(rank, bool):
        return Fixed(rank)
    if isinstance(rank, str) and rank.strip().lower() == "vbmf":
        return Vbmf()
    energy = _ENERGY.fullmatch(rank) if isinstance(rank, str) else None
    if energy:
        return Energy(float(energy[1]) / 100)
    try:
        return budgets.get(rank)
    except TfedgeError:
        raise TfedgeError(
            f"a rank is a number, '90% energy', 'vbmf', a budget such as '50% macs', or a dict of "
            f"these by layer, not {rank!r}"
        ) from None


def _rule(name: str, rank: int | str | RankRule) -> RankRule:
    rule = get(rank)
    if isinstance(rule, RankRule):
        return rule
    raise TfedgeError(f"layer '{name}' gets a rank of its own, not a budget")
