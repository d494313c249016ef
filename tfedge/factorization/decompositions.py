"""Matrices and tensors as products of smaller ones, in NumPy and float64."""

from __future__ import annotations

import numpy as np

_SWEEPS = 50
_ALS_SWEEPS = 200
_CONVERGED = 1e-6
_ALS_CONVERGED = 1e-9


def svd(matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The best product of rank `rank` in the squared error (Eckart and Young, 1936).

    Args:
        matrix: (rows, columns).
        rank: from 1 to the smaller of both; the error is the sum of the squares of the other
            singular values.

    Returns:
        (rows, rank) and (rank, columns), which share the singular values evenly.
    """
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    roots = np.sqrt(values[:rank])
    return left[:, :rank] * roots, roots[:, np.newaxis] * right[:rank]


def tucker_2(kernel: np.ndarray, ranks: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """A Tucker decomposition of the two channel axes.

    Kim et al., Compression of Deep Convolutional Neural Networks (2016), with the bases found by
    higher-order orthogonal iteration (De Lathauwer et al., 2000) from the truncated SVDs.

    Args:
        kernel: (positions, inputs, outputs).
        ranks: of the inputs and of the outputs.

    Returns:
        (inputs, r), core (positions, r, s), (s, outputs): the kernel is about their product.
    """
    first, second = ranks
    inputs = _leading(_unfold(kernel, 1), first)
    outputs = _leading(_unfold(kernel, 2), second)
    before = -1.0
    for _ in range(_SWEEPS):
        inputs = _leading(_unfold(kernel @ outputs, 1), first)
        outputs = _leading(_unfold(np.einsum("pio,ir->pro", kernel, inputs), 2), second)
        core = np.einsum("pio,ir,os->prs", kernel, inputs, outputs, optimize=True)
        energy = float((core**2).sum())
        if energy - before <= _CONVERGED * max(energy, 1e-30):
            break
        before = energy
    return inputs, core, outputs.T


def cp(kernel: np.ndarray, rank: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A canonical polyadic decomposition, by alternating least squares.

    Lebedev et al., Speeding-up Convolutional Neural Networks Using Fine-tuned CP-Decomposition
    (2015), with the positions of the kernel as one axis; sweeps as in Kolda and Bader (2009),
    figure 3.3.

    Args:
        kernel: (positions, inputs, outputs).
        rank: number of terms.
        seed: of the factors' first values, where singular vectors run out.

    Returns:
        (positions, rank), (inputs, rank), (outputs, rank), with columns of one length.
    """
    rng = np.random.default_rng(seed)
    factors = [_start(_unfold(kernel, axis), rank, rng) for axis in range(3)]
    total, before = float((kernel**2).sum()), np.inf
    for _ in range(_ALS_SWEEPS):
        for axis in range(3):
            others = [factor for index, factor in enumerate(factors) if index != axis]
            gram = (others[0].T @ others[0]) * (others[1].T @ others[1])
            mixed = _unfold(kernel, axis) @ _khatri_rao(*others)
            factors[axis] = mixed @ np.linalg.pinv(gram)
        error = float(((kernel - cp_product(*factors)) ** 2).sum())
        if before - error <= _ALS_CONVERGED * total:
            break
        before = error
    positions, inputs, outputs = _evened(factors)
    return positions, inputs, outputs


def cp_product(positions: np.ndarray, inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """(positions, inputs, outputs), what the factors multiply to."""
    return np.einsum("pr,ir,or->pio", positions, inputs, outputs, optimize=True)


def tensor_train(tensor: np.ndarray, ranks: tuple[int, ...]) -> list[np.ndarray]:
    """A train of cores, by SVDs from the left.

    Oseledets, Tensor-Train Decomposition (2011), algorithm 1; the squared error is at most the sum
    of what each of the truncations loses (theorem 2.2).

    Args:
        tensor: of n axes.
        ranks: n - 1 of them; larger ones than exist become the largest that do.

    Returns:
        n cores (rank before, size of the axis, rank behind), with 1 at both ends.
    """
    cores, rest, before = [], tensor.reshape(1, -1), 1
    for size, rank in zip(tensor.shape, ranks, strict=False):
        matrix = rest.reshape(before * size, -1)
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        kept = min(rank, len(values))
        cores.append(left[:, :kept].reshape(before, size, kept))
        rest, before = values[:kept, np.newaxis] * right[:kept], kept
    return [*cores, rest.reshape(before, tensor.shape[-1], 1)]


def _unfold(tensor: np.ndarray, axis: int) -> np.ndarray:
    return np.moveaxis(tensor, axis, 0).reshape(tensor.shape[axis], -1)


def _leading(matrix: np.ndarray, rank: int) -> np.ndarray:
    return np.linalg.svd(matrix, full_matrices=False)[0][:, :rank]


def _start(matrix: np.ndarray, rank: int, rng: np.random.Generator) -> np.ndarray:
    leading = _leading(matrix, rank)
    return np.hstack([leading, rng.normal(size=(len(matrix), rank - leading.shape[1]))])


def _khatri_rao(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.einsum("ar,br->abr", first, second).reshape(-1, first.shape[1])


def _evened(factors: list[np.ndarray]) -> list[np.ndarray]:
    """The same product with columns of one length, which trains better."""
    norms = [np.maximum(np.linalg.norm(factor, axis=0), 1e-30) for factor in factors]
    mean = np.prod(norms, axis=0) ** (1 / len(factors))
    return [factor * (mean / norm) for factor, norm in zip(factors, norms, strict=True)]
