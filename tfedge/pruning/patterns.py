"""Which weights of a kernel become zero together.

A pattern sees a kernel as the matrix that the device's kernels walk: (outputs, reduction), with the
reduction in the order of TFLite's filters. It cuts the matrix into groups, in one or more sets;
the same number of groups remains in every set.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge.pruning.selection import keep_count

Shape = tuple[int, int]
AVERAGE, MAX = "average", "max"
_POOLING: dict[str, Any] = {AVERAGE: np.mean, MAX: np.max}


class Pattern:
    """Division of a matrix into groups of weights that live and die together."""

    # Whether all groups of a kernel compete, so that kernels can have more or less of them.
    competes = True
    # Whether the pattern is about outputs, so that biases and batch-norms go with them.
    whole_outputs = False

    def for_inputs(self, inputs: int) -> Pattern:
        """The pattern for the matrix of one kernel.

        Args:
            inputs: how many input values its rows multiply side by side: all of a dense layer's,
                the channels of a convolution, whose rows have as many for every tap; 0 where
                kernels in C leave out no weights (depthwise, recurrent, embeddings).
        """
        return self

    def problem(self, shape: Shape) -> str | None:
        """Why a matrix cannot be cut so; None if it can."""
        return None

    def groups(self, matrix: np.ndarray) -> np.ndarray:
        """One number for every group, (sets, members), from a matrix of scores."""
        raise NotImplementedError

    def expand(self, groups: np.ndarray, shape: Shape) -> np.ndarray:
        """The matrix in which every weight has its group's number."""
        raise NotImplementedError

    def keep(self, members: int, sparsity: float) -> int:
        """How many of a set's groups remain."""
        return keep_count(members, sparsity)

    def check_sparsity(self, sparsity: float) -> None:
        """Refuse a final sparsity that the pattern cannot have.

        Raises:
            TfedgeError: it cannot.
        """

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Pattern:
        """The pattern that `get_config` described."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="tfedge")
class Unstructured(Pattern):
    """Every weight for itself: "unstructured"."""

    def groups(self, matrix: np.ndarray) -> np.ndarray:
        """The matrix as one row."""
        return matrix.reshape(1, -1)

    def expand(self, groups: np.ndarray, shape: Shape) -> np.ndarray:
        """The row as a matrix."""
        return groups.reshape(shape)


@keras.saving.register_keras_serializable(package="tfedge")
class NM(Pattern):
    """At most N weights in any M that follow one another along the reduction: "2:4".

    While a schedule is on its way, more remain in every M, and never fewer than N.

    Args:
        n, m: numbers with 0 < n < m.
    """

    competes = False

    def __init__(self, n: int = 2, m: int = 4):
        if not (isinstance(n, int) and isinstance(m, int) and 0 < n < m):
            raise TfedgeError(f"N:M needs whole numbers with 0 < N < M, not {n!r}:{m!r}")
        self.n, self.m = n, m

    def problem(self, shape: Shape) -> str | None:
        """The reduction has to be a multiple of M."""
        if shape[1] % self.m:
            return f"{self.n}:{self.m} does not divide its {shape[1]} weights per output"
        return None

    def groups(self, matrix: np.ndarray) -> np.ndarray:
        """A set for every M weights."""
        return matrix.reshape(-1, self.m)

    def expand(self, groups: np.ndarray, shape: Shape) -> np.ndarray:
        """The sets as a matrix."""
        return groups.reshape(shape)

    def keep(self, members: int, sparsity: float) -> int:
        """N, or more on the way."""
        return max(self.n, keep_count(members, sparsity))

    def check_sparsity(self, sparsity: float) -> None:
        """Only 1 - N / M will do."""
        own = 1 - self.n / self.m
        if abs(sparsity - own) > 1e-6:
            raise TfedgeError(
                f"{self.n}:{self.m} is a sparsity of {own:.4g}; the schedule ends at {sparsity:.4g}"
            )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"n": self.n, "m": self.m}


@keras.saving.register_keras_serializable(package="tfedge")
class Blocks(Pattern):
    """Rectangles: "1x4" is four weights of one output that follow one another, "4x1" four outputs.

    1x4 is what kernels with two or four products an instruction skip at least cost. tfmot's
    `block_size` is of the Keras kernel, (inputs, outputs): its (4, 1) is "1x4" here.

    Args:
        rows: outputs.
        columns: weights along the reduction.
        pooling: "average" or "max" of a block's scores.
    """

    def __init__(self, rows: int = 1, columns: int = 4, pooling: str = AVERAGE):
        if not all(isinstance(size, int) and size > 0 for size in (rows, columns)):
            raise TfedgeError(f"blocks have whole sizes from 1 on, not {rows!r}x{columns!r}")
        if pooling not in _POOLING:
            raise TfedgeError(
                f"pooling is one of {', '.join(_POOLING)}, not {pooling!r}{near(pooling, _POOLING)}"
            )
        self.rows, self.columns, self.pooling = rows, columns, pooling

    def problem(self, shape: Shape) -> str | None:
        """Both sides have to be multiples of the block's."""
        if shape[0] % self.rows or shape[1] % self.columns:
            return (
                f"blocks of {self.rows}x{self.columns} do not divide its {shape[0]} outputs of "
                f"{shape[1]} weights"
            )
        return None

    def groups(self, matrix: np.ndarray) -> np.ndarray:
        """The blocks' scores in one row."""
        return _POOLING[self.pooling](self._cut(matrix), axis=(1, 3)).reshape(1, -1)

    def _cut(self, matrix: np.ndarray) -> np.ndarray:
        outputs, reduction = matrix.shape
        rows, columns = self.rows, self.columns
        return matrix.reshape(outputs // rows, rows, reduction // columns, columns)

    def expand(self, groups: np.ndarray, shape: Shape) -> np.ndarray:
        """Every block filled."""
        blocks = groups.reshape(shape[0] // self.rows, shape[1] // self.columns)
        return np.repeat(np.repeat(blocks, self.rows, axis=0), self.columns, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"rows": self.rows, "columns": self.columns, "pooling": self.pooling}


@keras.saving.register_keras_serializable(package="tfedge")
class InputBlocks(Pattern):
    """Weights of one output for input values side by side: what kernels in C leave out.

    The names of cores and of targets for them, as "cortex-m4", mean this pattern with their size
    of blocks (`core_patterns.py`). Unlike those of "1x4", blocks end with the tap that they belong
    to: the last one is shorter where `size` does not divide the inputs, and kernels of fewer
    inputs stay dense, as do those of which kernels in C leave out no weights. Scores of blocks are
    averages, whatever their length, and the sparsity that is asked for is that of blocks.

    Args:
        size: weights of a block.
        inputs: see `Pattern.for_inputs`; None for all that a row has, as in dense layers.
    """

    def __init__(self, size: int = 4, inputs: int | None = None):
        if not (isinstance(size, int) and size > 1):
            raise TfedgeError(f"blocks of inputs have a whole size from 2 on, not {size!r}")
        self.size, self.inputs = size, inputs

    def for_inputs(self, inputs: int) -> Pattern:
        """The same blocks in rows of so many inputs."""
        return InputBlocks(self.size, inputs)

    def problem(self, shape: Shape) -> str | None:
        """There have to be kernels in C that leave out weights, and enough inputs for a block."""
        inputs = self._row(shape)
        if not inputs:
            return "kernels in C leave out none of its weights"
        if inputs < self.size:
            return f"it has {inputs} inputs side by side, fewer than the {self.size} of a block"
        return None

    def groups(self, matrix: np.ndarray) -> np.ndarray:
        """The blocks' average scores in one row."""
        inputs = self._row(matrix.shape)
        taps = matrix.reshape(len(matrix), -1, inputs)
        sums = np.add.reduceat(taps, np.arange(0, inputs, self.size), axis=2)
        return (sums / self._lengths(inputs)).reshape(1, -1)

    def expand(self, groups: np.ndarray, shape: Shape) -> np.ndarray:
        """Every block filled."""
        lengths = self._lengths(self._row(shape))
        taps = groups.reshape(shape[0], -1, len(lengths))
        return np.repeat(taps, lengths, axis=2).reshape(shape)

    def _row(self, shape: tuple[int, ...]) -> int:
        return shape[1] if self.inputs is None else self.inputs

    def _lengths(self, inputs: int) -> np.ndarray:
        """How many weights the blocks of one tap have."""
        starts = np.arange(0, inputs, self.size)
        return np.minimum(inputs - starts, self.size)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"size": self.size, "inputs": self.inputs}


@keras.saving.register_keras_serializable(package="tfedge")
class Channels(Pattern):
    """Whole outputs, with their biases and the batch-norm behind them, so that they are 0."""

    whole_outputs = True

    def groups(self, matrix: np.ndarray) -> np.ndarray:
        """The outputs' average scores: for magnitudes the L1 norm of Li et al. 2017."""
        return matrix.mean(axis=1).reshape(1, -1)

    def expand(self, groups: np.ndarray, shape: Shape) -> np.ndarray:
        """Every row filled."""
        return np.repeat(groups.reshape(-1, 1), shape[1], axis=1)
