"""The sums at which a product with a real number, rounded, steps up."""

from __future__ import annotations

import numpy as np

from tfedge_converters.arithmetic.fixed_point import INT32_MAX, INT32_MIN


def rounding_steps(real: float, zero_point: int, low: int, high: int) -> tuple[int, np.ndarray]:
    """round(sum * real) + zero_point within low..high, for every int32 sum, as steps.

    The product is one of doubles, and halves are rounded away from zero, as by C's round().

    Args:
        real: positive and finite.
        zero_point: is added to the rounded product.
        low, high: limits of the result.

    Returns:
        The result of the smallest sum; and, ascending, the least sum of each result above it.
    """
    first, last = _results(np.array([INT32_MIN, INT32_MAX]), real, zero_point, low, high).tolist()
    wanted = np.arange(first + 1, last + 1)
    below = np.full(wanted.size, INT32_MIN, np.int64)
    reaching = np.full(wanted.size, INT32_MAX, np.int64)
    while (reaching - below > 1).any():
        middle = (below + reaching) // 2
        reached = _results(middle, real, zero_point, low, high) >= wanted
        reaching = np.where(reached, middle, reaching)
        below = np.where(reached, below, middle)
    return first, reaching.astype(np.int32)


def _results(sums: np.ndarray, real: float, zero_point: int, low: int, high: int) -> np.ndarray:
    products = sums.astype(np.float64) * real
    # Of what lies beyond every limit, the integer does not matter.
    products = np.clip(products, -1024.0, 1024.0)
    whole = np.trunc(products)
    rounded = whole + np.sign(products) * (np.abs(products - whole) >= 0.5)
    return np.clip(rounded.astype(np.int64) + zero_point, low, high)
