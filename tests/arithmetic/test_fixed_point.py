"""The fixed-point arithmetic against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfedge_converters.arithmetic import fixed_point
from tfedge_converters.arithmetic.activation import integer_limits, quantize_real

int32 = st.integers(-(1 << 31), (1 << 31) - 1)


def half_away(value: Fraction) -> int:
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


@given(int32, st.integers(0, 31))
def test_division_rounds_half_away_from_zero(x, exponent):
    assert fixed_point.divide_by_power_of_two(np.int64(x), exponent) == half_away(
        Fraction(x, 1 << exponent)
    )


@given(int32, st.integers(1 << 30, (1 << 31) - 1))
def test_high_product_rounds_half_up(a, b):
    exact = Fraction(a * b, 1 << 31)
    assert fixed_point.multiply_high(np.int64(a), b) == (exact + Fraction(1, 2)).__floor__()


@given(st.floats(1e-9, 1e8))
def test_multiplier_is_the_nearest_31_bit_fraction(real):
    multiplier, shift = fixed_point.quantize_multiplier(real)
    assert 1 << 30 <= multiplier < 1 << 31
    assert abs(multiplier * 2.0 ** (shift - 31) / real - 1) < 2**-30


@pytest.mark.parametrize("real", [-1.0, float("nan"), float("inf")])
def test_a_multiplier_that_is_no_scale_is_refused(real):
    with pytest.raises(ValueError, match="finite and not negative"):
        fixed_point.quantize_multiplier(real)


def test_exp_logistic_and_tanh_are_close_to_the_real_functions():
    x = np.linspace(-15.9, 15.9, 4001)
    q = (x * 2**27).astype(np.int64)
    assert np.abs(fixed_point.logistic(q, 4) / 2**31 - 1 / (1 + np.exp(-x))).max() < 1e-6
    assert np.abs(fixed_point.tanh(q, 4) / 2**31 - np.tanh(x)).max() < 1e-6
    below = -np.abs(q)
    assert (
        np.abs(fixed_point.exp_on_negative_values(below, 4) / 2**31 - np.exp(-abs(x))).max() < 1e-6
    )


def test_activation_limits_follow_the_specification():
    scale = np.float32(0.05)
    assert integer_limits(1, scale, -128) == (-128, 127)  # RELU
    assert integer_limits(3, scale, -100) == (-100, 20)  # RELU6: -100 + 6 / 0.05
    assert integer_limits(2, scale, 0) == (-20, 20)  # RELU_N1_TO_1
    assert quantize_real(6.0, np.float32(1e-45), 0) == (1 << 31) - 1


def test_multipliers_at_the_edges():
    assert fixed_point.quantize_multiplier(0.0) == (0, 0)
    assert fixed_point.quantize_multiplier(1.0) == (1 << 30, 1)
    assert fixed_point.quantize_multiplier(1 - 2.0**-40) == (1 << 30, 1)  # rounds up to 2**31
    assert fixed_point.quantize_multiplier(2.0**-32) == (1 << 30, -31)
    assert fixed_point.quantize_multiplier(2.0**-32 * (1 - 2.0**-40)) == (1 << 30, -31)
    assert fixed_point.quantize_multiplier(2.0**-33) == (0, 0)
    assert fixed_point.quantize_multiplier(2.0**29) == (1 << 30, 30)
    with pytest.raises(ValueError, match=r"multiplier of 1\.07e\+09, which overflows"):
        fixed_point.quantize_multiplier(2.0**30)


def test_multipliers_of_channels_and_means():
    found = fixed_point.channel_multipliers(0.5, np.float32([0.25, 3.0]), 0.125)
    assert found == [(1 << 30, 1), (1610612736, 4)]
    assert fixed_point.mean_multiplier(0.5, 0.5, 1) == (1 << 30, 1)
    assert fixed_point.mean_multiplier(0.5, 0.5, 6) == ((1 << 32) // 6, -1)
    assert fixed_point.mean_multiplier(0.5, 0.5, 8) == (1 << 30, -2)
    # No shift beyond 31 to the right: the quotient is smaller instead.
    assert fixed_point.mean_multiplier(2.0**-30, 1.0, 1 << 10) == (1 << 22, -31)
    assert fixed_point.mean_multiplier(1.0, 1.0, 1 << 40) == (1 << 22, -31)


def test_halves_go_away_from_zero():
    values = [-2.5, -1.49, -0.5, -0.49, 0.0, 0.49, 0.5, 1.5, 2.49]
    wanted = [-3, -1, -1, 0, 0, 0, 1, 2, 2]
    assert [fixed_point.round_half_away(value) for value in values] == wanted
    assert [fixed_point.round_half_away_f32(np.float32(value)) for value in values] == wanted
    # The sum with 0.5 would be rounded up in float32.
    assert fixed_point.round_half_away_f32(np.float32(0.49999997)) == 0
    assert fixed_point.round_half_away_f32(np.float32(8388609.0)) == 8388609


def test_ends_of_32_bits():
    lowest, highest = fixed_point.INT32_MIN, fixed_point.INT32_MAX
    assert fixed_point.multiply_high(np.int64(lowest), lowest) == highest
    np.testing.assert_array_equal(
        fixed_point.wrap_int32(np.array([highest, highest + 1, lowest, lowest - 1, 1 << 32])),
        [highest, lowest, lowest, highest, 0],
    )
    assert fixed_point.input_radius(5, 22) == 31 * (1 << 26) >> 22
    assert fixed_point.input_radius(4, 27) == 15 * (1 << 27) >> 27


@given(int32, st.integers(1 << 30, (1 << 31) - 1), st.integers(-31, 30))
def test_requantization_rounds_twice(x, multiplier, shift):
    left = (x << max(shift, 0)) + (1 << 31)
    shifted = left % (1 << 32) - (1 << 31)
    high = (Fraction(shifted * multiplier, 1 << 31) + Fraction(1, 2)).__floor__()
    wanted = half_away(Fraction(high, 1 << max(-shift, 0)))
    assert fixed_point.requantize(np.int64(x), multiplier, shift) == wanted


def test_exact_values_of_the_functions():
    x = np.array([0, 1, -1, 1 << 30, -(1 << 30)])
    np.testing.assert_array_equal(fixed_point.exp_on_negative_values(np.array([0]), 5), [2**31 - 1])
    assert fixed_point.logistic(x, 4)[0] == 1 << 30
    assert fixed_point.tanh(x, 4)[0] == 0
    for tenth in range(1, 10):  # of Q0.31
        got = int(fixed_point.reciprocal_above_one(np.int64(tenth * (1 << 31) // 10)))
        assert abs(got / 2**31 - 1 / (1 + tenth / 10)) < 1e-8


@pytest.mark.parametrize("integer_bits", [0, 1, 2, 3, 4, 5])
def test_exp_of_every_format(integer_bits):
    x = -np.arange(0, 1 << 31, 19_999_673)
    wanted = np.exp(x / 2.0 ** (31 - integer_bits))
    got = fixed_point.exp_on_negative_values(x, integer_bits) / 2**31
    assert np.abs(got - wanted).max() < 5e-7


@pytest.mark.parametrize("x", [2, 3, 4, 5, 63, 64, 1000, (1 << 29) - 1, 1 << 29, (1 << 31) - 1])
def test_inverse_square_roots(x):
    multiplier, shift = fixed_point.inverse_sqrt_multiplier(x)
    assert 0 <= multiplier < 1 << 31 and shift <= 0
    assert abs(multiplier * 2.0 ** (shift - 31) * x**0.5 - 1) < 2e-6
    assert fixed_point.inverse_sqrt_multiplier(0) == fixed_point.inverse_sqrt_multiplier(1)
    assert fixed_point.inverse_sqrt_multiplier(1) == (fixed_point.INT32_MAX, 0)
