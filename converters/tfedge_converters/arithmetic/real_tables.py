"""int8 functions that the references compute in float32, as tables of their 256 results.

Each table is indexed by the input's byte. Every step is rounded to float32 like theirs; a
transcendental function is the exact result rounded to float32, which is what C libraries return but
for rare last bits that no table entry has been seen to depend on.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tfedge_converters.arithmetic.errors import UndefinedError
from tfedge_converters.arithmetic.fixed_point import round_half_away_f32
from tfedge_converters.arithmetic.tables import SIGNED

RealFunction = Callable[[np.float32], np.float32]

_INT32_LIMIT = float(1 << 31)
_SQRT_HALF = np.float32(math.sqrt(0.5))
_SQRT_2_OVER_PI = np.float32(math.sqrt(2 / math.pi))
_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1), np.float32(0)
_GELU_CUBIC = np.float32(0.044715)


def function_table(
    function: RealFunction,
    scale: np.float32,
    zero_point: int,
    out_scale: np.float32,
    out_zero_point: int,
) -> np.ndarray:
    """Round function(x) / out_scale half away from zero: LUTPopulate of TFLite's common.h.

    Raises:
        UndefinedError: a result is no int32, which is undefined in the reference.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        inverse = _ONE / np.float32(out_scale)
        results = [
            function(x) * inverse for x in np.float32(scale) * (SIGNED - zero_point).astype("f4")
        ]
    _check_range(results)
    rounded = np.array([round_half_away_f32(value) for value in results])
    return np.clip(rounded + out_zero_point, -128, 127)


def sqrt_table(
    scale: np.float32, zero_point: int, out_scale: np.float32, out_zero_point: int
) -> np.ndarray:
    """SQRT, which truncates; what is negative counts as 0, where the reference stops.

    Raises:
        UndefinedError: a result is no int32, which is undefined in the reference.
    """
    real = np.float32(scale) * (SIGNED - zero_point).astype("f4")
    with np.errstate(over="ignore"):
        results = np.sqrt(np.maximum(real, _ZERO)) / np.float32(out_scale)
    _check_range(results)
    return np.clip(results.astype(np.int64) + out_zero_point, -128, 127)


def quantize_reals(reals: np.ndarray, scale: np.float32, zero_point: int) -> np.ndarray:
    """QUANTIZE of float32 values to int8, with the contract of c_runtime/tfedge_quantize_f32.h.

    Rounds half away from zero and saturates; not-a-number becomes the zero point.
    """
    with np.errstate(over="ignore"):
        steps = np.clip(np.nan_to_num(reals / np.float32(scale), nan=0.0), -1024, 1024)
    rounded = np.array([round_half_away_f32(step) for step in steps])
    return np.clip(rounded + zero_point, -128, 127)


def elu(x: np.float32) -> np.float32:
    """x, or exp(x) - 1 for negative x."""
    return exp(x) - _ONE if x < 0 else x


def exp(x: np.float32) -> np.float32:
    """e to the power of x; infinite beyond float32."""
    try:
        return np.float32(math.exp(x))
    except OverflowError:
        return np.float32(math.inf)


def gelu(x: np.float32) -> np.float32:
    """x * Phi(x), by the complementary error function."""
    return _HALF * x * np.float32(math.erfc(x * -_SQRT_HALF))


def gelu_tanh(x: np.float32) -> np.float32:
    """x * Phi(x), approximated by tanh."""
    inner = _SQRT_2_OVER_PI * (x + _GELU_CUBIC * x * x * x)
    return _HALF * x * (_ONE + np.float32(math.tanh(inner)))


def log_or(lowest: np.float32) -> RealFunction:
    """log(x), and `lowest` where there is none."""
    return lambda x: np.float32(math.log(x)) if x > 0 else lowest


def _check_range(results: np.ndarray | list[np.float32]) -> None:
    largest = float(np.max(np.abs(results)))
    if not largest < _INT32_LIMIT - 256:
        raise UndefinedError(
            "a result leaves 32 bits at the output's scale, which is undefined in the reference: "
            "use a larger output scale, or an input of smaller range"
        )
