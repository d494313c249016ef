"""The derivatives by which weights find the integer that they are rounded to."""

from __future__ import annotations

import numpy as np
import pytest

from tfedge_converters.ptq.recovery.soft_rounding import SoftRounding

REGULARIZATION = 0.1


class Steps:
    """Stands in for Adam: keeps the derivative that it is given."""

    def step(self, slope):
        self.slope = slope


@pytest.mark.parametrize("exponent", [2.0, 5.0, 20.0])
def test_a_step_follows_the_derivative_of_loss_and_regulariser(exponent):
    """Nagel et al., "Up or Down?", equations 23 and 24, differentiated by small differences."""
    rng = np.random.default_rng(0)
    weights = rng.uniform(-0.9, 0.9, (1, 4, 3)).astype(np.float32)
    target = rng.normal(size=weights.shape)
    soft = SoftRounding(weights, np.full((1, 1, 1), 0.1, np.float32), 127, 0.01, REGULARIZATION)
    soft._parameters = soft._parameters.astype(np.float64)

    def loss(parameters):
        up = np.clip(1.2 / (1 + np.exp(-parameters)) - 0.1, 0, 1)
        rounded = (np.floor(weights / 0.1) + up) * 0.1
        rest = 1 - np.abs(2 * up - 1) ** exponent
        return 0.5 * ((rounded - target) ** 2).sum() + REGULARIZATION * rest.mean()

    expected = np.zeros(weights.shape)
    for place in np.ndindex(weights.shape):
        bump = np.zeros(weights.shape)
        bump[place] = 1e-5
        ends = loss(soft._parameters + bump), loss(soft._parameters - bump)
        expected[place] = (ends[0] - ends[1]) / 2e-5
    soft._adam = Steps()
    soft.step((soft.weights() - target).astype(np.float64), exponent)
    np.testing.assert_allclose(soft._adam.slope, expected, rtol=1e-4, atol=1e-8)


def test_weights_that_are_zero_stay_zero():
    weights = np.float32([[[0.0, 0.05], [0.33, 0.0]]])
    soft = SoftRounding(weights, np.float32([[[0.1]]]), 127, 1.0, REGULARIZATION)
    for _ in range(5):
        soft.step(-np.ones(weights.shape, np.float32), 2.0)
    assert (soft.weights()[weights == 0] == 0).all() and (soft.integers()[weights == 0] == 0).all()
    assert (soft.integers()[weights != 0] == [1, 4]).all()
