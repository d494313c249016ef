"""Rescaling of 64-bit sums and products by multipliers of 15 bits."""

from __future__ import annotations

import numpy as np

from tfedge_converters.arithmetic.errors import UndefinedError
from tfedge_converters.arithmetic.fixed_point import quantize_multiplier, wrap_int32

_LARGEST_SHIFT = 7
_FRACTION_BITS = 15
_LARGEST_MULTIPLIER = (1 << _FRACTION_BITS) - 1


def quantize_wide_multiplier(real: float) -> tuple[int, int]:
    """A real multiplier of 64-bit integers as (q, shift): real = q * 2^(shift - 15), q < 2^15.

    Source: MultiplyByQuantizedMultiplier of TFLite's reference kernels for int64.

    Raises:
        UndefinedError: `real` needs a shift of more than 7 bits, which the reference excludes.
    """
    multiplier, shift = quantize_multiplier(real)
    if shift > _LARGEST_SHIFT:
        raise UndefinedError(
            f"scales ask for {real:.3g} as the multiplier of 64-bit integers; the reference takes "
            f"less than {1 << _LARGEST_SHIFT}"
        )
    return min((multiplier + (1 << 15)) >> 16, _LARGEST_MULTIPLIER), shift


def requantize_wide(x: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """x * multiplier * 2^(shift - 15), rounded once, halves up: as tfedge_requantize_wide does.

    Args:
        x: int64 values; the product wraps modulo 2^64.
        multiplier, shift: as from `quantize_wide_multiplier`.

    Returns:
        The lower 32 bits of the result as int64 values.
    """
    right = _FRACTION_BITS - shift
    with np.errstate(over="ignore"):
        product = np.asarray(x, np.int64) * np.int64(multiplier) + np.int64(1 << (right - 1))
    return wrap_int32(product >> right)


def product_reach(largest: int, count: int, multiplier: int, shift: int) -> int:
    """The largest magnitude of `count` factors of up to `largest`, rescaled after each.

    The result may be smaller where it is beyond 2^40, which no kernel holds anyway.
    """
    most = reach = largest
    for step in range(count):
        factor = 1 if step == count - 1 else largest
        # Rounds up, so that no rounding of the kernel exceeds it.
        reach = (reach * factor * multiplier >> (_FRACTION_BITS - shift)) + 1
        most = max(most, reach)
        if most > 1 << 40 or reach <= 1:
            break
    return most
