"""int8 functions of two values as tables of their 65,536 results, before saturation.

Tables are indexed by the values plus 128, and are computed the way TFLite Micro's reference kernels
compute a single element.
"""

from __future__ import annotations

import numpy as np

from tfedge_converters.arithmetic.errors import UndefinedError
from tfedge_converters.arithmetic.fixed_point import quantize_multiplier, requantize

# Of the operands' common scale.
SUM_FRACTION_BITS = 20

_VALUES = np.arange(-128, 128, dtype=np.int64)

# A scale and a zero point.
Grid = tuple[np.float32, int]


def sum_table(a: Grid, b: Grid, output: Grid, sign: int = 1) -> np.ndarray:
    """ADD, or SUB by a `sign` of -1, as int64 of shape (256, 256).

    Raises:
        UndefinedError: the output's scale is so small that the reference refuses it, or an
            operand's vanishes beside the other's.
    """
    common = 2 * max(float(a[0]), float(b[0]))
    real = common / ((1 << SUM_FRACTION_BITS) * float(output[0]))
    if real >= 1:
        raise UndefinedError(
            f"the output's scale {output[0]:.3g} is too small for its operands' {common / 2:.3g}"
        )
    x, y = (
        requantize(
            (_VALUES - zero_point) << SUM_FRACTION_BITS, *quantize_multiplier(float(scale) / common)
        )
        for scale, zero_point in (a, b)
    )
    return requantize(x[:, None] + sign * y[None, :], *quantize_multiplier(real)) + output[1]


def product_table(a: Grid, b: Grid, output: Grid) -> np.ndarray:
    """MUL, as int64 of shape (256, 256).

    Raises:
        UndefinedError: the scales ask for a multiplier that overflows.
    """
    multiplier = quantize_multiplier(float(a[0]) * float(b[0]) / float(output[0]))
    return requantize(np.outer(_VALUES - a[1], _VALUES - b[1]), *multiplier) + output[1]
