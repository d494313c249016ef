"""How a model's sparsity is divided among its kernels.

Every function returns how many groups of each kernel remain.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge.pruning.patterns import Pattern

# What a kernel keeps at least where kernels compete: a layer without weights ends the model.
MINIMUM_DENSITY = 0.02


@dataclass(frozen=True)
class Share:
    """A kernel that is given its share.

    Attributes:
        shape: of the kernel.
        groups: scores of its groups, (sets, members).
    """

    shape: tuple[int, ...]
    groups: np.ndarray

    @property
    def members(self) -> int:
        """Groups in a set."""
        return self.groups.shape[1]

    @property
    def weights_per_group(self) -> float:
        """How many weights live and die together."""
        return math.prod(self.shape) / self.groups.size

    @property
    def least(self) -> int:
        """How many groups remain in any case."""
        return max(1, math.ceil(MINIMUM_DENSITY * self.members))


Distribution = Callable[[list[Share], Pattern, float], list[int]]


def uniform(shares: list[Share], pattern: Pattern, sparsity: float) -> list[int]:
    """The same sparsity everywhere."""
    return [pattern.keep(share.members, sparsity) for share in shares]


def erk(shares: list[Share], pattern: Pattern, sparsity: float) -> list[int]:
    """Denser where a kernel is smaller: Erdős-Rényi-Kernel (Evci et al. 2020, section 3).

    Densities are proportional to the sum of a kernel's sizes over their product; kernels that
    would exceed 1 stay whole, and the others share what is left.
    """
    sizes = np.array([math.prod(share.shape) for share in shares], float)
    raw = np.array([sum(share.shape) for share in shares]) / sizes
    wanted = sizes.sum() * (1 - sparsity)
    whole = np.zeros(len(shares), bool)
    while True:
        rest = ~whole
        factor = (wanted - sizes[whole].sum()) / (raw * sizes)[rest].sum() if rest.any() else 0.0
        above = rest & (factor * raw > 1)
        if not above.any():
            break
        whole |= above
    densities = np.where(whole, 1.0, factor * raw)
    exact = [float(d) * share.members for d, share in zip(densities, shares, strict=True)]
    return _rounded(shares, exact, wanted)


def _rounded(shares: list[Share], exact: list[float], wanted: float) -> list[int]:
    """Whole numbers that add up to the weights wanted, the largest remainders rounded up."""
    counts = [max(share.least, int(value)) for share, value in zip(shares, exact, strict=True)]
    missing = wanted - sum(
        n * share.weights_per_group for n, share in zip(counts, shares, strict=True)
    )
    for index in np.argsort([int(value) - value for value in exact], kind="stable"):
        share = shares[index]
        more = counts[index] < share.members and missing >= share.weights_per_group / 2
        counts[index] += more
        missing -= more * share.weights_per_group
    return counts


def ranked(shares: list[Share], pattern: Pattern, sparsity: float) -> list[int]:
    """One ranking of all groups of all kernels, each of which keeps two percent at least."""
    wanted = sum(math.prod(share.shape) for share in shares) * (1 - sparsity)
    owner, scores, forced = [], [], []
    for index, share in enumerate(shares):
        own = np.sort(share.groups[0])[::-1]
        scores.append(own)
        owner.append(np.full(len(own), index))
        forced.append(np.arange(len(own)) < share.least)
    owners = np.concatenate(owner)
    order = np.lexsort((-np.concatenate(scores), ~np.concatenate(forced)))
    weights = np.array([share.weights_per_group for share in shares])[owners[order]]
    kept = np.cumsum(weights) - weights / 2 <= wanted
    kept |= np.concatenate(forced)[order]
    return [int(count) for count in np.bincount(owners[order][kept], minlength=len(shares))]


_NAMED: dict[str, Distribution] = {"uniform": uniform, "global": ranked, "erk": erk}


def get(name: str, pattern: Pattern) -> Distribution:
    """A distribution by its name: "uniform", "global" or "erk".

    Raises:
        TfedgeError: there is none of this name, or the pattern fixes the sparsity everywhere.
    """
    if name not in _NAMED:
        raise TfedgeError(
            f"distribution is one of {', '.join(_NAMED)}, not {name!r}{near(name, _NAMED)}"
        )
    if name != "uniform" and not pattern.competes:
        raise TfedgeError(
            f"the pattern is as sparse in every layer; distribution={name!r} needs another pattern"
        )
    return _NAMED[name]
