"""Rescaling of 64-bit integers against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfedge_converters.arithmetic.errors import UndefinedError
from tfedge_converters.arithmetic.wide_products import (
    product_reach,
    quantize_wide_multiplier,
    requantize_wide,
)


@given(st.floats(2.0**-20, 127.9))
def test_the_multiplier_is_the_nearest_of_15_bits(real):
    multiplier, shift = quantize_wide_multiplier(real)
    assert 1 << 14 <= multiplier < 1 << 15
    largest = (1 << 15) - 1  # which what would be rounded to 2**15 gets too
    error = 2.0 ** (shift - (15 if multiplier == largest else 16))
    assert abs(multiplier * 2.0 ** (shift - 15) - real) <= error


def test_multipliers_at_the_edges():
    assert quantize_wide_multiplier(1.0) == (1 << 14, 1)
    assert quantize_wide_multiplier(1 - 2.0**-20) == ((1 << 15) - 1, 0)  # not 2**15
    assert quantize_wide_multiplier(127.99) == (32765, 7)
    with pytest.raises(UndefinedError, match="takes less than 128"):
        quantize_wide_multiplier(128.0)


@given(
    st.integers(-(1 << 47), 1 << 47), st.integers(1 << 14, (1 << 15) - 1), st.integers(-20, 7)
)  # fmt: skip
def test_products_are_rounded_once_and_halves_up(x, multiplier, shift):
    exact = Fraction(x * multiplier * (1 << 40), 1 << (55 - shift))
    wanted = (exact + Fraction(1, 2)).__floor__()
    got = int(requantize_wide(np.int64(x), multiplier, shift))
    assert got == (wanted + (1 << 31)) % (1 << 32) - (1 << 31)


def test_halves_and_wrapping_products():
    np.testing.assert_array_equal(
        requantize_wide(np.array([1, 3, -1, -3]), 1 << 14, 0), [1, 2, 0, -1]
    )
    assert requantize_wide(np.array([1 << 50]), 1 << 14, 7) == 0  # modulo 2**64


def _reach(largest, count, multiplier, shift):
    """No less than any product can be after any step, with each rounded up."""
    reach, steps = Fraction(largest), [largest]
    for step in range(count):
        factor = largest if step + 1 < count else 1
        reach = Fraction(
            (reach * factor * multiplier * Fraction(2) ** (shift - 15)).__floor__() + 1
        )
        steps.append(int(reach))
    return max(steps)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize(("multiplier", "shift"), [(20000, -3), (1 << 14, 1), (30000, 0)])
def test_the_reach_of_products(count, multiplier, shift):
    reach = product_reach(128, count, multiplier, shift)
    assert reach == _reach(128, count, multiplier, shift)
    values = np.int64(128)
    for step in range(count):
        values = requantize_wide(values * (128 if step + 1 < count else 1), multiplier, shift)
        assert abs(int(values)) <= reach


def test_reaches_beyond_any_kernel_end_early():
    assert 1 << 40 < product_reach(32768, 60, 30000, 7) < 1 << 62
    assert product_reach(3, 1_000_000_000, 1 << 14, -15) == 3  # nothing is left after one step
