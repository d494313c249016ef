"""Adam (Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015)."""

from __future__ import annotations

import numpy as np

_FIRST, _SECOND, _EPSILON = 0.9, 0.999, 1e-12


class Adam:
    """Adam's steps for an array of float32, in place, against its gradient."""

    def __init__(self, parameters: np.ndarray, rate: float):
        self._parameters = parameters
        self._rate = rate
        self._mean = np.zeros_like(parameters)
        self._square = np.zeros_like(parameters)
        self._steps = 0

    def step(self, gradient: np.ndarray) -> None:
        """One step; `gradient` has the shape of the parameters."""
        self._steps += 1
        self._mean += (1 - _FIRST) * (gradient - self._mean)
        self._square += (1 - _SECOND) * (np.square(gradient) - self._square)
        rate = self._rate * np.sqrt(1 - _SECOND**self._steps) / (1 - _FIRST**self._steps)
        self._parameters -= np.float32(rate) * self._mean / (np.sqrt(self._square) + _EPSILON)
