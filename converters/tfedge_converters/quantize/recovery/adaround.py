"""Learned rounding of weights.

Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization", ICML 2020: the
rectified sigmoid of equation 23, the regulariser of equation 24, and the asymmetric reconstruction
with the activation function of equation 25.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfedge_converters.quantize.recovery.adam import Adam
from tfedge_converters.quantize.recovery.session import Comparison, Session

# The rectified sigmoid's stretch: it reaches 0 and 1 at finite arguments.
_LOW, _HIGH = -0.1, 1.1
# Weights nearly on an integer start where gradients do not vanish.
_START_MARGIN = 0.01


@dataclass(frozen=True)
class AdaRound:
    """Learns for every weight whether to round it up or down, layer by layer in order.

    A layer's quantised inputs are given, its float results are the target. Both terms of the loss
    are relative, so that the settings hold for layers of any size and scale: the error to that of
    plain rounding, the regulariser to the number of weights. A layer for which plain rounding does
    better keeps it.

    Attributes:
        iterations: steps of Adam, for each layer.
        samples: how many of the calibration data to use, at most.
        rows: how many of a layer's results, at most, in all samples together.
        batch: results in one step.
        rate: Adam's learning rate.
        regularization: weight of the term that drives weights to an integer.
        warm_up: part of the iterations without that term.
        sharpness: the regulariser's exponent at its start and at the end.
        seed: of the choice of results.
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

    def apply(self, session: Session) -> None:
        """Puts the weights of all layers on the integers that it has learned."""
        random = np.random.default_rng(self.seed)
        for comparison in session.walk("Learning to round", self.samples):
            layer = comparison.layer
            problem = reconstruction(comparison, comparison.rows(self.rows, random))
            grid = comparison.grid()
            integers = _Rounding(self, problem, grid.limit).learn()
            session.put_on_grid(layer, layer.constant(integers * problem.scale), grid)


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What a layer's weights should do; all float32.

    Attributes:
        rows: quantised inputs, (groups, rows, depth).
        targets: the float layer's results, (groups, rows, width).
        weights: the float weights, (groups, depth, width).
        scale: of their integers, (groups, 1, width) or (1, 1, 1).
        bias: (groups, 1, width).
        bounds: of the fused activation.
    """

    rows: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    scale: np.ndarray
    bias: np.ndarray
    bounds: tuple[float, float]

    def error(self, integers: np.ndarray) -> float:
        """Mean, over the rows, of the squared distance from the targets."""
        results = (self.rows @ (integers * self.scale) + self.bias).clip(*self.bounds)
        return float(np.square(results - self.targets).sum(dtype=np.float64) / self.rows.shape[1])


def reconstruction(comparison: Comparison, chosen: np.ndarray) -> Reconstruction:
    """The task of one layer, on chosen results."""
    layer, before = comparison.layer, comparison.before
    return Reconstruction(
        rows=layer.rows(comparison.source, chosen),
        targets=before.results(comparison.real.of(before.result), chosen),
        weights=layer.matrices(np.asarray(layer.weights.data)),
        scale=layer.by_channel(comparison.grid().scale),
        bias=layer.by_channel(layer.bias()),
        bounds=layer.bounds,
    )


class _Rounding:
    """Gradient descent on how far each weight is rounded up, from 0 to 1."""

    def __init__(self, settings: AdaRound, problem: Reconstruction, limit: int):
        self.settings, self.problem, self.limit = settings, problem, limit
        steps = problem.weights / problem.scale
        self.nearest = np.rint(steps).clip(-limit, limit)
        self.floor = np.floor(steps).clip(-limit, limit)
        start = (steps - self.floor).clip(_START_MARGIN, 1 - _START_MARGIN)
        self.parameters = -np.log((_HIGH - _LOW) / (start - _LOW) - 1)
        self.plain_error = problem.error(self.nearest)

    def learn(self) -> np.ndarray:
        """The integers, as float32 (groups, depth, width)."""
        if self.plain_error == 0:
            return self.nearest
        adam = Adam(self.parameters, self.settings.rate)
        for iteration in range(self.settings.iterations):
            adam.step(self._gradient(iteration))
        learned = (self.floor + (self.parameters >= 0)).clip(-self.limit, self.limit)
        return learned if self.problem.error(learned) < self.plain_error else self.nearest

    def _gradient(self, iteration: int) -> np.ndarray:
        problem = self.problem
        sigmoid = 1 / (1 + np.exp(-self.parameters))
        up = ((_HIGH - _LOW) * sigmoid + _LOW).clip(0, 1)
        integers = self.floor + up
        inside = (np.abs(integers) <= self.limit) & (up > 0) & (up < 1)
        rows, targets = self._batch(iteration)
        results = rows @ (integers.clip(-self.limit, self.limit) * problem.scale) + problem.bias
        low, high = problem.bounds
        errors = (results.clip(low, high) - targets) * ((results > low) & (results < high))
        slope = rows.swapaxes(1, 2) @ errors * problem.scale
        slope *= np.float32(2 / rows.shape[1] / self.plain_error)
        slope += self._regularizer(iteration, up)
        return slope * inside * (_HIGH - _LOW) * sigmoid * (1 - sigmoid)

    def _batch(self, iteration: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows are in random order already."""
        batches = max(self.problem.rows.shape[1] // self.settings.batch, 1)
        start = iteration % batches * self.settings.batch
        part = slice(start, start + self.settings.batch)
        return self.problem.rows[:, part], self.problem.targets[:, part]

    def _regularizer(self, iteration: int, up: np.ndarray) -> np.ndarray | np.float32:
        """The derivative of the mean of 1 - |2 up - 1| ** sharpness."""
        done = iteration / self.settings.iterations
        if done < self.settings.warm_up:
            return np.float32(0)
        start, end = self.settings.sharpness
        progress = (done - self.settings.warm_up) / (1 - self.settings.warm_up)
        exponent = np.float32(end + (start - end) * 0.5 * (1 + np.cos(progress * np.pi)))
        distance = 2 * up - 1
        power = np.abs(distance) ** (exponent - 1)
        weight = np.float32(-2 * self.settings.regularization / up.size)
        return weight * exponent * np.sign(distance) * power
