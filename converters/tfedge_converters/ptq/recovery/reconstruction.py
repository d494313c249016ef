"""Objectives of weight rounding: to give back what the float model computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tfedge_converters.ptq.recovery.block_function import BlockFunction, Run
from tfedge_converters.ptq.recovery.walk import BlockComparison, Comparison


class Reconstruction(Protocol):
    """The error of one or several layers; each has weights (groups, depth, width)."""

    def error(self, weights: Sequence[np.ndarray]) -> float:
        """Mean, over all rows or samples, of the squared distance from the targets."""

    def slopes(self, weights: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The derivatives by the weights of the error in the next batch."""


@dataclass(eq=False)
class LayerReconstruction:
    """Error of a single layer, on some of its results in random order; all float32.

    Nagel et al., "Up or Down?", ICML 2020, equation 25: asymmetric, with the activation function.

    Attributes:
        rows: quantised inputs, (groups, rows, depth).
        targets: the float layer's results, (groups, rows, width).
        bias: (groups, 1, width).
        bounds: of the fused activation.
        batch: rows in one step.
    """

    rows: np.ndarray
    targets: np.ndarray
    bias: np.ndarray
    bounds: tuple[float, float]
    batch: int
    _steps: int = 0

    @staticmethod
    def of(comparison: Comparison, chosen: np.ndarray, batch: int) -> LayerReconstruction:
        """The task of a layer, on chosen results."""
        layer, before = comparison.layer, comparison.before
        return LayerReconstruction(
            rows=layer.rows(comparison.source, chosen),
            targets=before.results(comparison.real.of(before.result), chosen),
            bias=layer.by_channel(layer.bias()),
            bounds=layer.bounds,
            batch=batch,
        )

    def error(self, weights: Sequence[np.ndarray]) -> float:
        """Compute the layer's error, as `Reconstruction` says."""
        results = (self.rows @ weights[0] + self.bias).clip(*self.bounds)
        return float(np.square(results - self.targets).sum(dtype=np.float64) / self.rows.shape[1])

    def slopes(self, weights: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Compute the layer's derivatives, as `Reconstruction` says."""
        rows, targets = self._next_batch()
        results = rows @ weights[0] + self.bias
        low, high = self.bounds
        errors = (results.clip(low, high) - targets) * ((results > low) & (results < high))
        return [rows.swapaxes(1, 2) @ errors * np.float32(2 / rows.shape[1])]

    def _next_batch(self) -> tuple[np.ndarray, np.ndarray]:
        batches = max(self.rows.shape[1] // self.batch, 1)
        start = self._steps % batches * self.batch
        self._steps += 1
        part = slice(start, start + self.batch)
        return self.rows[:, part], self.targets[:, part]


@dataclass(eq=False)
class BlockReconstruction:
    """Error of a block's layers together, on whole samples.

    Li et al., "BRECQ", ICLR 2021, section 3.2, with the plain squared error. Between the layers are
    real numbers: what rounding activations does inside is not known to it.

    Attributes:
        comparison: the block, with what enters and what should leave it.
        function: the block's.
        batch: samples in one step.
        random: draws them.
    """

    comparison: BlockComparison
    function: BlockFunction
    batch: int
    random: np.random.Generator

    def error(self, weights: Sequence[np.ndarray]) -> float:
        """Compute the block's error, as `Reconstruction` says."""
        named, count = self._named(weights), len(self.comparison.targets)
        starts = range(0, count, self.batch)
        parts = [np.arange(start, min(start + self.batch, count)) for start in starts]
        squares = [
            np.square(self._errors(part, self._run(part, named))).sum(dtype=np.float64)
            for part in parts
        ]
        return float(np.sum(squares) / count)

    def slopes(self, weights: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Compute the block's derivatives, as `Reconstruction` says."""
        part = self.random.permutation(len(self.comparison.targets))[: self.batch]
        run = self._run(part, self._named(weights))
        slopes = self.function.slopes(run, self._errors(part, run) * np.float32(2 / len(part)))
        return [slopes[id(layer.operator)] for layer in self.comparison.block.layers]

    def _run(self, samples: np.ndarray, weights: Mapping[int, np.ndarray]) -> Run:
        sources = {key: values[samples] for key, values in self.comparison.sources.items()}
        return self.function.run(sources, weights)

    def _errors(self, samples: np.ndarray, run: Run) -> np.ndarray:
        return self.function.result(run) - self.comparison.targets[samples]

    def _named(self, weights: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
        given = zip(self.comparison.block.layers, weights, strict=True)
        learned = {id(layer.operator): values for layer, values in given}
        return {**self.comparison.fixed, **learned}
