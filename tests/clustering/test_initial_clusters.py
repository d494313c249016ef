"""Where clusters begin."""

from __future__ import annotations

import numpy as np
import pytest

from tfedge.clustering.initial_clusters import DENSITY, INITIALIZATIONS, KMEANS, LINEAR, assigned
from tfedge.clustering.shared_weights import Clusters
from tfedge.errors import TfedgeError


def _error(values, found):
    """Sum of squares about the clusters' means."""
    return sum(np.square(values[found == c] - values[found == c].mean()).sum() for c in set(found))


@pytest.fixture
def values():
    return np.random.default_rng(1).laplace(size=3000).astype(np.float32)


@pytest.mark.parametrize("count", [2, 16, 256])
@pytest.mark.parametrize("initialization", INITIALIZATIONS)
def test_clusters_are_intervals(values, initialization, count):
    found = assigned(values, count, initialization, 0)
    assert found.min() >= 0
    assert found.max() < count
    assert (np.diff(found[np.argsort(values)]) >= 0).all()
    np.testing.assert_array_equal(found, assigned(values, count, initialization, 0))


def test_density_fills_clusters_alike(values):
    counts = np.bincount(assigned(values, 8, DENSITY, 0), minlength=8)
    assert counts.min() > 0.5 * len(values) / 8


def test_linear_centers_are_evenly_spaced():
    values = np.linspace(-1, 1, 601)
    counts = np.bincount(assigned(values, 7, LINEAR, 0))
    np.testing.assert_allclose(counts[1:-1], 100, atol=1)
    np.testing.assert_allclose(counts[[0, -1]], 50, atol=1)


def test_kmeans_has_the_least_error(values):
    errors = {name: _error(values, assigned(values, 16, name, 3)) for name in INITIALIZATIONS}
    assert min(errors, key=errors.get) == KMEANS


def test_kmeans_ends_where_every_value_is_nearest_to_its_mean(values):
    found = assigned(values, 16, KMEANS, 0)
    means = np.array([values[found == c].astype(np.float64).mean() for c in range(16)])
    nearest = np.abs(values[:, np.newaxis] - means).argmin(axis=1)
    np.testing.assert_array_equal(found, nearest)


def test_few_values_are_their_own_clusters():
    values = np.array([3, -1, 3, 7, -1, 0], np.float32)
    np.testing.assert_array_equal(assigned(values, 8, KMEANS, 0), [2, 0, 2, 3, 0, 1])


@pytest.mark.parametrize("keep", [None, True])
def test_zeros_are_one_of_the_clusters(values, keep):
    values[:1000] = 0
    found = Clusters(16, keep_zeros=keep).assigned(values.reshape(10, -1)).reshape(-1)
    np.testing.assert_array_equal(found == 0, values == 0)
    assert len(np.unique(found)) == 16


def test_few_zeros_are_values_like_others(values):
    values[:10] = 0
    assert (Clusters(16).assigned(values.reshape(10, -1)) > 0).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"count": 1}, "2 to 256"),
        ({"count": 257}, "2 to 256"),
        ({"count": 16.0}, "2 to 256"),
        ({"count": 16, "initialization": "random"}, "kmeans"),
    ],
)
def test_what_is_no_clustering_is_refused(arguments, words):
    with pytest.raises(TfedgeError, match=words):
        Clusters(**arguments)
