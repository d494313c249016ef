"""Where clusters of weights begin: on the line of one kernel's, or one channel's, values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_ROUNDS = 100


def assigned(values: np.ndarray, clusters: int, initialization: str, seed: int) -> np.ndarray:
    """Put each value into one of at most `clusters` clusters of neighbouring values.

    Args:
        values: float vector.
        clusters: how many, from 1 on.
        initialization: a key of `INITIALIZATIONS`.
        seed: of what is drawn.

    Returns:
        int32 cluster of each value, in [0, clusters), ordered as the values are.
    """
    distinct = np.unique(values)
    if len(distinct) <= clusters:
        return np.searchsorted(distinct, values).astype(np.int32)
    ordered = np.sort(values.astype(np.float64))
    centers = INITIALIZATIONS[initialization](ordered, clusters, np.random.default_rng(seed))
    return nearest(values, centers)


def nearest(values: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """int32 index of the center that is nearest to each value; centers are ascending."""
    return np.searchsorted(_borders(centers), values).astype(np.int32)


def _borders(centers: np.ndarray) -> np.ndarray:
    return np.asarray((centers[1:] + centers[:-1]) / 2)


def _linear(ordered: np.ndarray, clusters: int, _: np.random.Generator) -> np.ndarray:
    """Evenly spaced from the least to the largest value: large weights get centers, too."""
    return np.linspace(ordered[0], ordered[-1], clusters)


def _density(ordered: np.ndarray, clusters: int, _: np.random.Generator) -> np.ndarray:
    """Place the centers at equal counts of values: dense regions get more of them."""
    places = (np.arange(clusters) + 0.5) / clusters
    return np.unique(np.quantile(ordered, places))


def _kmeans(ordered: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    """k-means from the start of k-means++.

    Source: Arthur and Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007:
    the next center is drawn by the squared distance to the nearest one. Lloyd's rounds follow,
    which on a line are means of intervals, until no border moves.
    """
    centers = _seeded(ordered, clusters, rng)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    before = np.empty(0, np.intp)
    for _ in range(_ROUNDS):
        cuts = np.searchsorted(ordered, _borders(centers))
        if np.array_equal(cuts, before):
            break
        before, edges = cuts, np.concatenate([[0], cuts, [len(ordered)]])
        counts = np.diff(edges)
        means = np.diff(sums[edges]) / np.maximum(counts, 1)
        centers = np.sort(np.where(counts > 0, means, centers))
    return centers


def _seeded(ordered: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    centers = [rng.choice(ordered)]
    distance = np.square(ordered - centers[0])
    for _ in range(clusters - 1):
        centers.append(rng.choice(ordered, p=distance / distance.sum()))
        distance = np.minimum(distance, np.square(ordered - centers[-1]))
    return np.sort(np.array(centers))


KMEANS, DENSITY, LINEAR = "kmeans++", "density", "linear"
Initialization = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]
INITIALIZATIONS: dict[str, Initialization] = {KMEANS: _kmeans, DENSITY: _density, LINEAR: _linear}
