"""Requantisation as a function of 255 steps, in two instructions where that is exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

# The lowest int8: sums below 0 saturate there, whichever way they are rounded.
_LOWEST = -128
_STEPS = np.arange(1, 256, dtype=np.int64)

# Results are halved by the last instruction.
_HALVING = 1

# Multipliers beside the nearest one, constants and offsets that are tried.
_MULTIPLIERS, _AT_A_TIME = 4096, 64
_CONSTANTS = 8192
_LARGEST_OFFSET = 1 << 20
_BEYOND = 1 << 62

# Searches whose results are kept: kernels of a layer are made for each plan that is compared.
_KEPT = 1 << 14


@dataclass(frozen=True)
class StepFunction:
    """(((sum + offset) * multiplier >> 32) + addend) >> 1, saturated to int8.

    Attributes:
        multiplier: 1 to 2^31 - 1.
        addend: the zero point, twice, is part of it.
        offset: for the bias that sums begin with; at most 2^20 to either side.
    """

    multiplier: int
    addend: int
    offset: int


@lru_cache(_KEPT)
def find_step_function(multiplier: int, right: int, most: int) -> StepFunction | None:
    """A function of steps that equals the reference's requantisation for every sum up to `most`.

    The reference rounds a product twice. With a zero point of -128, all sums below 0 saturate, and
    what it makes of the others is a function of at most 255 steps: any other function that grows at
    the same sums is equal to it. For a given multiplier each step bounds
    offset * multiplier + addend * 2^32 from both sides, and comparing the bounds is the proof.

    Args:
        multiplier: Q0.31, from `fixed_point.quantize_multiplier`.
        right: the shift to the right, at least 1.
        most: the largest sum that is possible, below 2^30.

    Returns:
        The function, or None where there is none near the multiplier.
    """
    surplus = right - 1 - _HALVING
    if surplus < 0 or multiplier <= 0:
        return None
    nearest = (multiplier + (1 << surplus >> 1)) >> surplus
    firsts = _first_sums(multiplier, right)
    # The first step counts even if no sum reaches it: nothing else bounds what lies below.
    firsts = firsts[: max(int(np.searchsorted(firsts, most, "right")) + 1, 1)]
    is_last = firsts > most
    for begin in range(0, _MULTIPLIERS, _AT_A_TIME):
        candidates = _around(nearest, begin, begin + _AT_A_TIME)
        candidates = candidates[(candidates >= 1) & (candidates < 1 << 31)]
        least, bound = _bounds(candidates, firsts, is_last)
        for index in np.flatnonzero(least < bound):
            found = _constants(int(candidates[index]), int(least[index]), int(bound[index]))
            if found is not None:
                return found
    return None


def _first_sums(multiplier: int, right: int) -> np.ndarray:
    """The smallest sum that the reference brings to each of 1 to 255, before the zero point."""
    half = 1 << (right - 1)
    highs = ((step << right) - half for step in _STEPS.tolist())
    values = [-(-((high << 31) - (1 << 30)) // multiplier) for high in highs]
    return np.array([min(value, _BEYOND) for value in values], np.int64)


def _around(nearest: int, begin: int, end: int) -> np.ndarray:
    """nearest, nearest + 1, nearest - 1, nearest + 2, … from the begin-th to before the end-th."""
    indices = np.arange(begin, end, dtype=np.int64)
    return nearest + (indices + 1) // 2 * np.where(indices % 2, 1, -1)


_TRIED_CONSTANTS = _around(1 << (_HALVING - 1), 0, _CONSTANTS).tolist()


def _bounds(
    multipliers: np.ndarray, firsts: np.ndarray, is_last: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each multiplier, the least of offset * multiplier + addend * 2^32, and what it is below.

    Args:
        firsts: the first sum of each step that matters.
        is_last: whether that sum itself is beyond what is possible, and only those before it count.
    """
    levels = _STEPS[: firsts.size] << (32 + _HALVING)
    products = multipliers[:, None] * firsts[None, :]
    least = np.where(is_last, -_BEYOND, levels - products).max(axis=1)
    return least, (levels - products + multipliers[:, None]).min(axis=1)


def _constants(multiplier: int, least: int, bound: int) -> StepFunction | None:
    """An addend and an offset between the bounds."""
    for constant in _TRIED_CONSTANTS:
        offset = max(-(-(least - (constant << 32)) // multiplier), -_LARGEST_OFFSET)
        if offset <= _LARGEST_OFFSET and offset * multiplier + (constant << 32) < bound:
            return StepFunction(multiplier, constant + (_LOWEST << _HALVING), offset)
    return None
