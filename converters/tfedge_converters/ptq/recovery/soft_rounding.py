"""Weights between two integers, each on its way to one of them.

Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization", ICML 2020: the
rectified sigmoid of equation 23 and the regulariser of equation 24.
"""

from __future__ import annotations

import numpy as np

from tfedge_converters.ptq.recovery.adam import Adam

# The rectified sigmoid's stretch: it reaches 0 and 1 at finite arguments.
_LOW, _HIGH = -0.1, 1.1
# Weights nearly on an integer start where gradients do not vanish.
_START_MARGIN = 0.01


class SoftRounding:
    """How far each weight of a layer is rounded up, from 0 to 1; learned by gradient descent.

    Weights of 0 stay 0, as pruning wants them.

    Attributes:
        scale: of the integers, float32 (groups, 1, width) or (1, 1, 1).
        nearest: the integers of plain rounding, float32 (groups, depth, width).
    """

    def __init__(
        self, weights: np.ndarray, scale: np.ndarray, limit: int, rate: float, regularization: float
    ):
        """Start from the real weights.

        Args:
            weights: float32 (groups, depth, width).
            scale: see above.
            limit: the largest integer.
            rate: Adam's learning rate.
            regularization: weight of the term that drives weights to an integer.
        """
        self.scale = scale
        self._limit = limit
        self._regularization = regularization
        steps = weights / scale
        self.nearest = np.rint(steps).clip(-limit, limit)
        self._floor = np.floor(steps).clip(-limit, limit)
        self._moves = weights != 0
        self._parameters = _parameters(steps - self._floor)
        self._adam = Adam(self._parameters, rate)

    def lean(self, integers: np.ndarray, part: float) -> None:
        """Move all weights towards integers next to them, by a part of the way."""
        _, up = self._up()
        self._parameters[...] = _parameters(up + part * (integers - self._floor - up))

    def weights(self) -> np.ndarray:
        """The real weights as they are now."""
        _, up = self._up()
        return (self._floor + up).clip(-self._limit, self._limit) * self.scale

    def integers(self) -> np.ndarray:
        """Each weight's integer, as float32: where it is going."""
        up = (self._parameters >= 0) & self._moves
        return (self._floor + up).clip(-self._limit, self._limit)

    def step(self, slope: np.ndarray, exponent: float | None) -> None:
        """One step of Adam.

        Args:
            slope: the derivative of the loss by the weights, of their shape.
            exponent: the regulariser's; None for none.
        """
        sigmoid, up = self._up()
        inside = (np.abs(self._floor + up) <= self._limit) & (up > 0) & (up < 1)
        total = slope * self.scale
        if exponent is not None:
            total += self._regularizer(up, np.float32(exponent))
        self._adam.step(total * inside * (_HIGH - _LOW) * sigmoid * (1 - sigmoid))

    def _up(self) -> tuple[np.ndarray, np.ndarray]:
        """The sigmoid, and how far weights are rounded up."""
        sigmoid = 1 / (1 + np.exp(-self._parameters))
        return sigmoid, ((_HIGH - _LOW) * sigmoid + _LOW).clip(0, 1) * self._moves

    def _regularizer(self, up: np.ndarray, exponent: np.float32) -> np.ndarray:
        """The derivative of the mean of 1 - |2 up - 1| ** exponent."""
        distance = 2 * up - 1
        power = np.abs(distance) ** (exponent - 1)
        weight = np.float32(-2 * self._regularization / up.size)
        return weight * exponent * np.sign(distance) * power


def _parameters(up: np.ndarray) -> np.ndarray:
    """The sigmoid's arguments for weights that are rounded up so far."""
    start = up.clip(_START_MARGIN, 1 - _START_MARGIN)
    return -np.log((_HIGH - _LOW) / (start - _LOW) - 1)
