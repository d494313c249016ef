"""Block floating point against its definition, number by number, and against real numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tfedge_converters.arithmetic import block_floating_point as bfp8
from tfedge_converters.arithmetic.block_floating_point import Block


def _rounded(x: int, shift: int) -> int:
    magnitude = (abs(x) + (1 << shift >> 1)) >> shift
    return magnitude if x >= 0 else -magnitude


def _written(numbers, exponent, largest):
    """The definition, one number after the other."""
    values, shift = [], 0
    for number in numbers:
        by = 0
        while abs(_rounded(number, shift + by)) > largest:
            by += 1
        values = [_rounded(value, by) for value in values]
        shift += by
        values.append(_rounded(number, shift))
    return values, exponent + shift


@pytest.mark.parametrize("seed", range(20))
def test_written_is_what_it_is_defined_as(seed):
    rng = np.random.default_rng(seed)
    reach = 2.0 ** rng.uniform(0, 31, 60)
    numbers = (rng.uniform(-1, 1, 60) * reach).astype(np.int64)
    if seed % 2:
        numbers = numbers[np.argsort(np.abs(numbers))]
    largest = bfp8.SIGNED
    if seed % 3 == 0:
        numbers, largest = np.abs(numbers), bfp8.UNSIGNED
    block = bfp8.written(numbers, -5, largest)
    assert (block.values.tolist(), block.exponent) == _written(numbers.tolist(), -5, largest)
    unit = 2.0 ** (block.exponent + 5)
    assert np.abs(block.values * unit - numbers).max() <= unit
    assert np.abs(block.values).max() > largest // 2


def test_halves_at_the_end_of_the_range():
    """127.5 does not fit, and 127.49 does."""
    assert bfp8.written(np.array([255]), 0).exponent == 2
    assert bfp8.written(np.array([-254]), 0).values.tolist() == [-127]
    assert bfp8.written(np.array([2**31 - 1]), 0).exponent == 25
    assert bfp8.written(np.zeros(3, np.int64), 7).exponent == 7


@pytest.mark.parametrize("seed", range(10))
def test_real_numbers_become_the_nearest_integers(seed):
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=50) * np.exp(rng.uniform(-80, 80))).astype(np.float32)
    block = bfp8.of_real(values)
    assert 64 <= np.abs(block.values).max() <= 127
    assert np.abs(bfp8.to_real(block) - values).max() <= 2.0 ** (block.exponent - 1)
    again = bfp8.of_real(bfp8.to_real(block))
    np.testing.assert_array_equal(bfp8.to_real(again), bfp8.to_real(block))


def test_numbers_that_are_none():
    block = bfp8.of_real(np.float32([np.inf, -np.inf, np.nan, 1]))
    assert block.values.tolist() == [64, -64, 64, 0]
    np.testing.assert_array_equal(
        bfp8.to_real(block), np.float32([3.4028235e38, -3.4028235e38, 3.4028235e38, 0])
    )
    assert bfp8.of_real(np.float32([1e-45])).values.tolist() == [0]
    assert bfp8.to_real(Block(np.array([-1, 0]), -200)).tolist() == [0, 0]


@pytest.mark.parametrize("exponent", range(-12, 4))
@pytest.mark.parametrize("beta", [1.0, 0.25, 3.0])
def test_softmax_is_within_a_step(exponent, beta):
    rng = np.random.default_rng(exponent + 20)
    block = Block(rng.integers(-127, 128, (6, 30)), exponent)
    logits = block.values * 2.0**exponent * beta
    right = np.exp(logits - logits.max(axis=-1, keepdims=True))
    right /= right.sum(axis=-1, keepdims=True)
    result = bfp8.softmax(block, beta)
    assert np.abs(bfp8.to_real(result) - right).max() <= 2.0**result.exponent + 1e-4


@pytest.mark.parametrize("exponent", range(-12, 4))
def test_logistic_is_within_a_step(exponent):
    block = Block(np.arange(-127, 128), exponent)
    right = (1 + np.tanh(block.values * 2.0**exponent / 2)) / 2
    result = bfp8.logistic(block)
    assert np.abs(bfp8.to_real(result) - right).max() <= 2.0**result.exponent + 1e-4


@pytest.mark.parametrize("seed", range(20))
def test_sums_are_within_a_step(seed):
    rng = np.random.default_rng(seed)
    x = Block(rng.integers(-127, 128, (4, 40)), int(rng.integers(-30, 10)))
    weights = rng.integers(-127, 128, (7, 40))
    scales = np.exp(rng.uniform(-3, 3, 7)).astype(np.float32)
    bias = (rng.normal(size=7) * np.exp(rng.uniform(-20, 20))).astype(np.float32)
    right = (x.values @ weights.T) * scales.astype(float) * 2.0**x.exponent + bias
    result = bfp8.of_sums(
        x.values @ weights.T,
        x.exponent,
        bfp8.sum_scales(weights, scales, bias, bfp8.SIGNED),
        (None, None),
    )
    assert np.abs(bfp8.to_real(result) - right).max() <= 2.0**result.exponent * 1.01
    limited = bfp8.of_sums(
        x.values @ weights.T,
        x.exponent,
        bfp8.sum_scales(weights, scales, bias, bfp8.SIGNED),
        (0.0, 6.0),
    )
    step = 2.0**limited.exponent * 1.01
    assert np.abs(bfp8.to_real(limited) - right.clip(0, 6)).max() <= step


@pytest.mark.parametrize("difference", [0, 1, 7, 19, 25, 40])
def test_addition_is_within_a_step(difference):
    rng = np.random.default_rng(difference)
    a, b = (Block(rng.integers(-127, 128, 40), e) for e in (3, 3 - difference))
    result = bfp8.added(a, b, (None, None))
    right = a.values * 2.0**a.exponent + b.values * 2.0**b.exponent
    assert np.abs(bfp8.to_real(result) - right).max() <= 2.0**result.exponent


@pytest.mark.parametrize("exponent", [-40, -31, -30, -29, -28, -3, 0, 2, 3, 40])
def test_limits_are_whole_numbers_with_the_exponent(exponent):
    for whole in (-1, 0, 1, 6):
        right = whole / 2.0**exponent
        found = bfp8.limit(whole, exponent)
        if abs(right) >= 2**31:
            assert abs(found) == 2**31 - 1
        else:
            assert abs(found) == math.floor(abs(right) + 0.5)
    assert bfp8.limit(None, exponent) is None
