"""What inference computes with integers, against the same formulas in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfedge.quantization.exact_sums import exact_sums
from tfedge.quantization.fixed_point import (
    quantize_multiplier,
    requantize_once,
    requantize_twice,
    rounding_once,
    rounding_twice,
)
from tfedge.quantization.grids import grid_of_range
from tfedge_converters.arithmetic import fixed_point
from tfedge_converters.arithmetic.wide_products import quantize_wide_multiplier, requantize_wide


def _reals(rng):
    """Multipliers of all sizes, and those at which the mantissa or the shift runs over."""
    special = [2.0**-32, 2.0**-31, 1 - 2.0**-33, 0.5, 1.0, 3.0, 2.0**-40]
    return np.concatenate((np.exp(rng.uniform(np.log(1e-10), np.log(8), 300)), special))


def test_multipliers_are_the_converters():
    reals = _reals(np.random.default_rng(0))
    fixed, shift = (part.numpy() for part in quantize_multiplier(tf.constant(reals)))
    assert list(zip(fixed, shift, strict=True)) == [
        fixed_point.quantize_multiplier(float(real)) for real in reals
    ]


def test_rescaling_rounds_twice():
    rng = np.random.default_rng(1)
    reals = _reals(rng)[:, np.newaxis]
    # Sums of which some are ties of either rounding, and a bias.
    x = np.concatenate((rng.integers(-(2**26), 2**26, 200), np.arange(-40, 40)))
    addend = rng.integers(-(2**20), 2**20, reals.shape)
    by = rounding_twice(*quantize_multiplier(tf.constant(reals)), tf.constant(addend))
    for got, real, more in zip(requantize_twice(tf.constant(x), by), reals, addend, strict=True):
        multiplier = fixed_point.quantize_multiplier(float(real[0]))
        np.testing.assert_array_equal(got, fixed_point.requantize(x + more, *multiplier))


def test_rescaling_of_wide_sums_rounds_once():
    rng = np.random.default_rng(2)
    reals = _reals(rng)[:, np.newaxis]
    # The reference keeps 32 bits of a result; there are no sums that would need more.
    x = rng.integers(-(2**34), 2**34, 200) / np.maximum(16 * reals, 1)
    x = np.concatenate((x.astype(np.int64), np.tile(np.arange(-40, 40), (len(reals), 1))), 1)
    addend = tf.constant(3, tf.int64)
    by = rounding_once(*quantize_multiplier(tf.constant(reals)), addend)
    for got, sums, real in zip(requantize_once(tf.constant(x), by), x, reals, strict=True):
        multiplier = quantize_wide_multiplier(float(real[0]))
        np.testing.assert_array_equal(got, requantize_wide(sums + 3, *multiplier))


@pytest.mark.parametrize(
    ("steps", "weights", "count"),
    [(255, 127, 500), (255, 127, 4000), (255, 127, 20_000), (32768, 127, 900), (32768, 127, 9000)],
)
def test_sums_are_exact_at_their_bounds(steps, weights, count):
    rng = np.random.default_rng(3)
    x = rng.integers(-steps, steps + 1, (3, count))
    kernel = rng.integers(-weights, weights + 1, (count, 4))
    x[0], kernel[:, 0] = steps, weights
    x[1], kernel[:, 1] = -steps, -weights
    sums = exact_sums(
        tf.matmul, tf.constant(x, tf.float32), tf.constant(kernel, tf.float32), (steps, weights)
    )
    np.testing.assert_array_equal(sums, x @ kernel)


def test_no_step_is_a_negative_zero():
    grid = grid_of_range(tf.constant(-1.0), tf.constant(1.0), 8)
    assert not np.signbit(grid.steps(tf.constant([-1e-6, -0.0, 0.0]))).any()
