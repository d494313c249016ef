"""HARD_SWISH of int8 values, in the reference's 16-bit fixed-point arithmetic."""

from __future__ import annotations

import numpy as np

from tfedge_converters.arithmetic.errors import UndefinedError
from tfedge_converters.arithmetic.fixed_point import quantize_multiplier
from tfedge_converters.arithmetic.tables import SIGNED

_INT16_MIN, _INT16_MAX = -(1 << 15), (1 << 15) - 1

# How many times the output's scale the input's may be.
LARGEST_SCALE_RATIO = 128


def hard_swish_table(
    scale: np.float32, zero_point: int, out_scale: np.float32, out_zero_point: int
) -> np.ndarray:
    """x * min(max(x + 3, 0), 6) / 6 for every int8 value, in the order of its byte.

    Source: HardSwish of TFLite's reference kernels, with TFLite Micro's float32 multipliers.

    Raises:
        UndefinedError: the output's scale is so small, or the input's so large, that the reference
            refuses them or shifts by more than a word.
    """
    with np.errstate(over="ignore"):
        fine_scale = np.float32(1 / LARGEST_SCALE_RATIO) * np.float32(scale)
        output_real = float(fine_scale / np.float32(out_scale))
        gate_real = float(fine_scale / (np.float32(3) / np.float32(1 << 15)))
    output_multiplier, output_exponent = _multiplier(output_real)
    gate_multiplier, gate_exponent = _multiplier(gate_real)
    if output_exponent > 0:
        raise UndefinedError(
            f"the output's scale {out_scale:.3g} is too small for the input's {scale:.3g}; "
            f"it may be up to {LARGEST_SCALE_RATIO} times smaller"
        )
    fine = (SIGNED - zero_point) << 7
    gate = _gate(fine, gate_multiplier, gate_exponent)
    product = gate * _multiply_high(fine, output_multiplier)
    # This product is rounded towards zero, which offsets the bias of the roundings before it.
    truncated = np.sign(product) * (np.abs(product) >> 15)
    rescaled = _divide_by_power_of_two(truncated, -output_exponent)
    return np.clip(_wrap(rescaled + out_zero_point), -128, 127)


def _gate(fine: np.ndarray, multiplier: int, exponent: int) -> np.ndarray:
    """min(max(x + 3, 0), 6) / 6 in Q0.15: the last bit of a left shift is what saturates."""
    gate = fine
    if exponent > 0:
        gate = _saturate(gate << (exponent - 1))
    gate = _multiply_high(gate, multiplier)
    if exponent > 0:
        gate = _saturate(gate << 1)
    if exponent < 0:
        gate = _divide_by_power_of_two(gate, -exponent)
    return (gate + (1 << 15)) >> 1


def _multiplier(real: float) -> tuple[int, int]:
    """`real` as q * 2^(exponent - 15) with a 16-bit q."""
    multiplier, exponent = quantize_multiplier(real)
    if exponent > 30:
        raise UndefinedError(f"the multiplier {real:.3g} of HARD_SWISH is too large")
    return min((multiplier + (1 << 15)) >> 16, _INT16_MAX), exponent


def _multiply_high(a: np.ndarray, b: int) -> np.ndarray:
    return (a * b + (1 << 14)) >> 15


def _divide_by_power_of_two(x: np.ndarray, exponent: int) -> np.ndarray:
    """x / 2^exponent rounded half away from zero, with the reference's 16-bit mask."""
    mask = _wrap(np.int64((1 << exponent) - 1))
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def _saturate(x: np.ndarray) -> np.ndarray:
    return np.clip(x, _INT16_MIN, _INT16_MAX)


def _wrap(x: np.ndarray) -> np.ndarray:
    return ((x + (1 << 15)) & 0xFFFF) - (1 << 15)
