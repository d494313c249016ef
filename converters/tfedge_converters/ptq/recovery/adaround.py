"""Learned rounding of weights, layer by layer or block by block.

Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization", ICML 2020; Li et al.,
"BRECQ: Pushing the Limit of Post-Training Quantization by Block Reconstruction", ICLR 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfedge.errors import TfedgeError
from tfedge_converters.graph import WeightGrid
from tfedge_converters.ptq.recovery.block_function import BlockFunction
from tfedge_converters.ptq.recovery.linear_layers import LinearLayer
from tfedge_converters.ptq.recovery.reconstruction import (
    BlockReconstruction,
    LayerReconstruction,
    Reconstruction,
)
from tfedge_converters.ptq.recovery.reconstruction_units import (
    ReconstructionUnit,
    reconstruction_units,
    single_layers,
)
from tfedge_converters.ptq.recovery.session import Session
from tfedge_converters.ptq.recovery.soft_rounding import SoftRounding
from tfedge_converters.ptq.recovery.walk import BlockComparison, Comparison, Walk

LAYER, BLOCK = "layer", "block"
# How far a block's weights start from the real ones towards the integers that their layers have
# learned. At the integers gradients vanish; from further away more iterations are needed.
_LEANING = 0.9
# By how much more the regulariser weighs in a block, which has fewer steps to get to integers.
_PRESSURE = 4.0


@dataclass(frozen=True)
class AdaRound:
    """Step that learns for every weight whether to round it up or down, layer by layer in order.

    The quantised inputs of a layer are given, its float results are the target. By blocks, the
    layers of a residual block then learn once more, all together, to give the block's float
    results: they can make up for each other's errors, and know what the addition does with them.
    See `blocks.reconstruction_units` for what a block is.

    Both terms of the loss are relative, so that the settings hold for layers of any size and scale:
    the error to that of plain rounding, the regulariser to the number of weights. A layer for which
    plain rounding does better keeps it, and a block for which what its layers have learned by
    themselves does better keeps that.

    Attributes:
        iterations: steps of Adam, for each layer.
        samples: how many of the calibration data to use, at most.
        rows: how many of a layer's results, at most, in all samples together.
        batch: a layer's results in one step.
        rate: Adam's learning rate.
        regularization: weight of the term that drives weights to an integer.
        warm_up: part of the iterations without that term.
        sharpness: the regulariser's exponent at its start and at the end.
        seed: of the choice of results and samples.
        unit: "layer", or "block" for blocks besides.
        block_iterations: steps of Adam, for each block of several layers.
        block_batch: samples in one step of a block.

    Raises:
        TfedgeError: `unit` is neither.
    """

    iterations: int = 1000
    samples: int = 512
    rows: int = 8192
    batch: int = 256
    rate: float = 0.02
    regularization: float = 1.0
    warm_up: float = 0.2
    sharpness: tuple[float, float] = (20.0, 2.0)
    seed: int = 0
    unit: str = LAYER
    block_iterations: int = 400
    block_batch: int = 8

    def __post_init__(self) -> None:
        if self.unit not in (LAYER, BLOCK):
            raise TfedgeError(f"AdaRound's unit is '{LAYER}' or '{BLOCK}', not {self.unit!r}")

    def apply(self, session: Session) -> None:
        """Put the weights of all layers on the integers that it has learned."""
        random = np.random.default_rng(self.seed)
        walk = Walk(session, self.samples)
        for block in session.tracked(self._blocks(session), "Learning to round"):
            walk.reach(block.operators[0])
            for layer in block.layers:
                self._round_layer(session, walk.compare(layer), random)
            comparison = None if block.is_single else walk.compare_block(block)
            if comparison is not None:
                self._round_block(session, comparison, random)

    def _blocks(self, session: Session) -> list[ReconstructionUnit]:
        if self.unit == LAYER:
            return single_layers(session.layers)
        return reconstruction_units(session.model.main, session.layers)

    def _round_layer(
        self, session: Session, comparison: Comparison, random: np.random.Generator
    ) -> None:
        layer, grid = comparison.layer, comparison.grid()
        rounding = self._soft(layer, comparison.before, grid)
        chosen = comparison.rows(self.rows, random)
        problem = LayerReconstruction.of(comparison, chosen, self.batch)
        learned = self._learned(problem, [rounding], [rounding.nearest], self.iterations)
        _put(session, layer, learned[0], grid)

    def _round_block(
        self, session: Session, comparison: BlockComparison, random: np.random.Generator
    ) -> None:
        """The layers have learned already, each on its own."""
        layers = comparison.block.layers
        grids = [_own_grid(layer) for layer in layers]
        roundings = [
            self._soft(layer, session.before(layer), grid, _PRESSURE)
            for layer, grid in zip(layers, grids, strict=True)
        ]
        start = [
            np.rint(layer.matrices(np.asarray(layer.weights.data)) / rounding.scale)
            for layer, rounding in zip(layers, roundings, strict=True)
        ]
        for rounding, integers in zip(roundings, start, strict=True):
            rounding.lean(integers, _LEANING)
        function = BlockFunction(session.model.main, comparison.block)
        problem = BlockReconstruction(comparison, function, self.block_batch, random)
        learned = self._learned(problem, roundings, start, self.block_iterations)
        for layer, integers, grid in zip(layers, learned, grids, strict=True):
            _put(session, layer, integers, grid)

    def _soft(
        self, layer: LinearLayer, before: LinearLayer, grid: WeightGrid, pressure: float = 1.0
    ) -> SoftRounding:
        return SoftRounding(
            before.matrices(np.asarray(before.weights.data)),
            layer.by_channel(grid.scale),
            grid.limit,
            self.rate,
            self.regularization * pressure,
        )

    def _learned(
        self,
        problem: Reconstruction,
        roundings: Sequence[SoftRounding],
        start: Sequence[np.ndarray],
        iterations: int,
    ) -> Sequence[np.ndarray]:
        """The integers of each layer; those given if what is learned does no better."""
        given = problem.error(_real(roundings, start))
        if given == 0:
            return start
        plain = problem.error(_real(roundings, [rounding.nearest for rounding in roundings]))
        scale = np.float32(1 / max(given, plain))
        for iteration in range(iterations):
            slopes = problem.slopes([rounding.weights() for rounding in roundings])
            exponent = self._exponent(iteration / iterations)
            for rounding, slope in zip(roundings, slopes, strict=True):
                rounding.step(slope * scale, exponent)
        learned = [rounding.integers() for rounding in roundings]
        return learned if problem.error(_real(roundings, learned)) < given else start

    def _exponent(self, done: float) -> float | None:
        """The regulariser's, along a cosine; None while warming up."""
        if done < self.warm_up:
            return None
        start, end = self.sharpness
        progress = (done - self.warm_up) / (1 - self.warm_up)
        return float(end + (start - end) * 0.5 * (1 + np.cos(progress * np.pi)))


def _real(roundings: Sequence[SoftRounding], integers: Sequence[np.ndarray]) -> list[np.ndarray]:
    pairs = zip(roundings, integers, strict=True)
    return [values * rounding.scale for rounding, values in pairs]


def _own_grid(layer: LinearLayer) -> WeightGrid:
    grid = layer.weights.trained_weights
    assert grid is not None
    return grid


def _put(session: Session, layer: LinearLayer, integers: np.ndarray, grid: WeightGrid) -> None:
    values = layer.constant(integers * layer.by_channel(grid.scale))
    session.put_on_grid(layer, values, grid)
