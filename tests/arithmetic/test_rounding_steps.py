"""Steps of a rounded product stand where the product itself steps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tfedge_converters.arithmetic.rounding_steps import rounding_steps


@pytest.mark.parametrize("real", [1 / 16, 1e-9, 3.7e-3, 0.0123456789, 0.5, 1.0, 7.3, 1e5, 1e-30])
@pytest.mark.parametrize(("zero_point", "low", "high"), [(0, -128, 127), (-128, -128, -100)])
def test_steps_are_those_of_the_rounded_product(real, zero_point, low, high):
    first, steps = rounding_steps(real, zero_point, low, high)
    rng = np.random.default_rng(1)
    near = (steps.astype(np.int64)[:, None] + np.arange(-2, 3)).reshape(-1)
    sums = [*near.tolist(), *rng.integers(-(1 << 31), 1 << 31, 50).tolist(), *range(-20, 21)]
    for value in np.clip(sums, -(1 << 31), (1 << 31) - 1).tolist():
        product = float(value) * real
        whole = math.trunc(product)
        halves = int(abs(product - whole) >= 0.5) * (1 if product >= 0 else -1)
        right = min(max(whole + halves + zero_point, low), high)
        assert first + np.searchsorted(steps, value, side="right") == right
