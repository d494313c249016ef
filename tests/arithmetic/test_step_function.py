"""Requantisation by steps equals the reference wherever one is found."""

from __future__ import annotations

import numpy as np
import pytest

from tfedge_converters.arithmetic.fixed_point import divide_by_power_of_two, multiply_high
from tfedge_converters.arithmetic.step_function import StepFunction, find_step_function


def reference(sums, multiplier, right):
    scaled = divide_by_power_of_two(multiply_high(sums, multiplier), right)
    return np.clip(scaled - 128, -128, 127)


def by_steps(sums, found):
    high = ((sums + found.offset) * found.multiplier >> 32) + found.addend
    return np.clip(high >> 1, -128, 127)


def places(multiplier, right, most, rng):
    """Sums around every step, and others over all that is possible."""
    steps = np.arange(256) * 2.0 ** (31 + right) / multiplier
    near = np.round(steps - 0.5 * 2.0 ** (31 + right) / multiplier)[:, None] + np.arange(-3, 4)
    sums = np.concatenate([near.reshape(-1), rng.integers(-most, most + 1, 20_000), [-most, most]])
    return sums[np.abs(sums) <= most].astype(np.int64)


def test_sums_that_reach_no_step_at_all_stay_where_they_are():
    multiplier, right = (1 << 30) + 987_654_321, 9
    for most in (0, 1, 100, 135, 136, 137, 138, 139, 140, 300):
        found = find_step_function(multiplier, right, most)
        sums = np.arange(-5000, most + 1)
        np.testing.assert_array_equal(by_steps(sums, found), reference(sums, multiplier, right))


@pytest.mark.parametrize("seed", range(4))
def test_a_function_of_steps_equals_the_reference(seed):
    rng = np.random.default_rng(seed)
    found = 0
    for _ in range(60):
        multiplier, right = int(rng.integers(1 << 30, 1 << 31)), int(rng.integers(2, 10))
        most = int(min(2.0 ** (31 + right) / multiplier * rng.uniform(1, 600), (1 << 30) - 1))
        function = find_step_function(multiplier, right, most)
        if function is None:
            continue
        found += 1
        sums = places(multiplier, right, most, rng)
        np.testing.assert_array_equal(
            by_steps(sums, function), reference(sums, multiplier, right), str((multiplier, right))
        )
        products = (sums + function.offset) * function.multiplier
        assert np.abs((products >> 32) + function.addend).max() < 1 << 31
    assert found == 60


def test_another_constant_moves_a_step():
    """The comparison above can fail: a function with its offset elsewhere is another function."""
    multiplier, right, most = (1 << 30) + 12_345_678, 9, 1 << 20
    function = find_step_function(multiplier, right, most)
    moved = StepFunction(function.multiplier, function.addend, function.offset + 50)
    sums = places(multiplier, right, most, np.random.default_rng(0))
    assert np.any(by_steps(sums, moved) != reference(sums, multiplier, right))


@pytest.mark.parametrize(
    ("multiplier", "right"),
    [((1 << 30) + 1, 1), (0, 5)],
    ids=["no bit to halve", "no multiplier"],
)
def test_there_is_none_without_room(multiplier, right):
    assert find_step_function(multiplier, right, 1000) is None


def test_small_multipliers_have_too_few_bits_for_255_steps():
    assert find_step_function((1 << 30) + 7_654_321, 23, (1 << 30) - 1) is None
