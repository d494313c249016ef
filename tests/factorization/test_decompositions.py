from __future__ import annotations

import numpy as np
import pytest

from tfedge.errors import TfedgeError
from tfedge.factorization import Energy, Fixed, Vbmf
from tfedge.factorization.decompositions import cp, cp_product, svd, tensor_train, tucker_2
from tfedge.factorization.ranks import evbmf_rank
from tfedge.factorization.ranks import get as rule_of
from tfedge.pruning import Budget

RNG = np.random.default_rng(0)


def _contract(cores):
    product = cores[0]
    for core in cores[1:]:
        product = np.tensordot(product, core, 1)
    return product[0, ..., 0]


def test_svd_loses_the_tail_of_the_energy():
    matrix = RNG.normal(size=(12, 7))
    values = np.linalg.svd(matrix, compute_uv=False)
    for rank in range(1, 8):
        first, second = svd(matrix, rank)
        assert first.shape == (12, rank)
        assert second.shape == (rank, 7)
        error = ((matrix - first @ second) ** 2).sum()
        np.testing.assert_allclose(error, (values[rank:] ** 2).sum(), atol=1e-12)


def test_tucker_is_exact_at_full_rank_and_beats_the_truncated_svds():
    kernel = RNG.normal(size=(9, 6, 8))

    def error(ranks):
        inputs, core, outputs = tucker_2(kernel, ranks)
        return ((kernel - inputs @ core @ outputs) ** 2).sum()

    def error_of_svds(first, second):
        a = np.linalg.svd(np.moveaxis(kernel, 1, 0).reshape(6, -1))[0][:, :first]
        b = np.linalg.svd(np.moveaxis(kernel, 2, 0).reshape(8, -1))[0][:, :second]
        inside = np.einsum("pio,ir,os->prs", kernel, a, b)
        return ((kernel - a @ inside @ b.T) ** 2).sum()

    assert error((6, 8)) < 1e-20
    for ranks in ((3, 4), (2, 2), (5, 1)):
        assert error(ranks) <= error_of_svds(*ranks) + 1e-9


def test_tucker_finds_ranks_that_are_there():
    core, a, b = RNG.normal(size=(9, 2, 3)), RNG.normal(size=(6, 2)), RNG.normal(size=(8, 3))
    kernel = np.einsum("prs,ir,os->pio", core, a, b)
    inputs, found, outputs = tucker_2(kernel, (2, 3))
    np.testing.assert_allclose(inputs @ found @ outputs, kernel, atol=1e-10)


@pytest.mark.parametrize("rank", [1, 3, 5])
def test_cp_finds_terms_that_are_there(rank):
    parts = [RNG.normal(size=(size, rank)) for size in (9, 6, 8)]
    kernel = cp_product(*parts)
    found = cp(kernel, rank)
    np.testing.assert_allclose(cp_product(*found), kernel, atol=1e-2 * np.abs(kernel).max())
    norms = [np.linalg.norm(factor, axis=0) for factor in found]
    np.testing.assert_allclose(norms[0], norms[1])


def test_cp_of_rank_one_is_the_best_one():
    """Of a matrix the best term is its first singular value's."""
    kernel = RNG.normal(size=(1, 6, 8))
    values = np.linalg.svd(kernel[0], compute_uv=False)
    error = ((kernel - cp_product(*cp(kernel, 1))) ** 2).sum()
    np.testing.assert_allclose(error, (values[1:] ** 2).sum(), rtol=1e-4)


def test_tensor_train_is_exact_at_full_rank_and_loses_no_more_than_its_tails():
    tensor = RNG.normal(size=(6, 3, 3, 8))
    np.testing.assert_allclose(_contract(tensor_train(tensor, (99, 99, 99))), tensor, atol=1e-12)
    ranks, tails = (4, 7, 5), 0.0
    for axis, rank in enumerate(ranks):
        rows = int(np.prod(tensor.shape[: axis + 1]))
        values = np.linalg.svd(tensor.reshape(rows, -1), compute_uv=False)
        tails += (values[rank:] ** 2).sum()
    cores = tensor_train(tensor, ranks)
    assert [core.shape for core in cores] == [(1, 6, 4), (4, 3, 7), (7, 3, 5), (5, 8, 1)]
    assert ((tensor - _contract(cores)) ** 2).sum() <= tails


def test_energy_keeps_its_share():
    matrix = RNG.normal(size=(9, 12))
    squares = np.linalg.svd(matrix, compute_uv=False) ** 2
    for share in (0.1, 0.5, 0.9, 1.0):
        rank = Energy(share).rank(matrix)
        assert squares[:rank].sum() >= share * squares.sum() * (1 - 1e-9)
        assert rank == 1 or squares[: rank - 1].sum() < share * squares.sum()


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (100, 30)])
@pytest.mark.parametrize("rank", [0, 1, 5, 12])
def test_vbmf_finds_the_rank_below_the_noise(shape, rank):
    signal = RNG.normal(size=(shape[0], rank)) @ RNG.normal(size=(rank, shape[1]))
    assert evbmf_rank(signal + 0.3 * RNG.normal(size=shape)) == rank


def test_vbmf_at_the_edges():
    assert evbmf_rank(np.zeros((4, 5))) == 0
    assert Vbmf().rank(np.zeros((4, 5))) == 1
    assert evbmf_rank(np.outer(np.arange(1.0, 5), np.arange(1.0, 7))) == 1


def test_vbmf_minimises_the_free_energy_of_the_model():
    """With no threshold: on a grid of variances, each component is kept if that costs less."""
    matrix = RNG.normal(size=(20, 4)) @ RNG.normal(size=(4, 30)) + RNG.normal(size=(20, 30))
    values = np.linalg.svd(matrix, compute_uv=False)
    rows, columns = 20, 30

    def energy(value, variance):
        """Of a component that is kept, less that of one that is dropped."""
        spread = value**2 / (columns * variance)
        ratio = rows / columns
        moved = spread - (1 + ratio)
        if moved**2 < 4 * ratio or moved < 0:
            return np.inf
        tau = 0.5 * (moved + np.sqrt(moved**2 - 4 * ratio))
        return np.log(tau + 1) + ratio * np.log(tau / ratio + 1) - tau

    # A component is kept where its free energy is below that of nothing, 0.
    estimates = np.geomspace(0.2, 5, 4000)
    totals = []
    for variance in estimates:
        own = [min(0.0, energy(value, variance)) for value in values]
        totals.append(sum(own) + (values**2).sum() / (columns * variance) + rows * np.log(variance))
    variance = estimates[int(np.argmin(totals))]
    kept = sum(energy(value, variance) < 0 for value in values)
    assert evbmf_rank(matrix) == kept == 4


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (8, Fixed(8)),
        ("90% energy", Energy(0.9)),
        ("vbmf", Vbmf()),
        ("50% macs", Budget(0.5)),
        ("2000 parameters", Budget(2000, "parameters")),
        ({"a": 3, "b": "vbmf"}, {"a": Fixed(3), "b": Vbmf()}),
    ],
)
def test_rules_by_name(text, rule):
    assert rule_of(text) == rule


@pytest.mark.parametrize("text", ["much", 0, True, "0% energy", {"a": "50% macs"}, 1.5])
def test_mistaken_rules_are_told(text):
    with pytest.raises(TfedgeError):
        rule_of(text)
