"""Activations that limit what they are given, as operators and fused with others."""

from __future__ import annotations

import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfedge_converters.arithmetic.fixed_point import round_half_away_f32

_FUSED = schema.ActivationFunctionType

# Real limits of each fused activation; None is no limit.
REAL_LIMITS: dict[int, tuple[float | None, float | None]] = {
    _FUSED.NONE: (None, None),
    _FUSED.RELU: (0.0, None),
    _FUSED.RELU6: (0.0, 6.0),
    _FUSED.RELU_N1_TO_1: (-1.0, 1.0),
}

# The same of operators that do nothing else.
CLAMP_LIMITS: dict[str, tuple[float | None, float | None]] = {
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU_0_TO_1": (0.0, 1.0),
}


def quantize_real(value: float, scale: np.float32, zero_point: int) -> int:
    """The integer nearest to a real value, halves away from zero, not saturated."""
    with np.errstate(over="ignore", divide="ignore"):
        steps = np.float32(value) / np.float32(scale)
    if not math.isfinite(steps):
        return (1 << 31) - 1 if value > 0 else -(1 << 31)
    return round_half_away_f32(steps) + int(zero_point)


def integer_limits(
    activation: int, scale: np.float32, zero_point: int, low: int = -128, high: int = 127
) -> tuple[int, int]:
    """The output limits of a fused activation: CalculateActivationRangeQuantized.

    Args:
        activation: the schema's ActivationFunctionType.
        scale, zero_point: of the output.
        low, high: the limits of the output's type.

    Raises:
        KeyError: the activation is not one of NONE, RELU, RELU6, RELU_N1_TO_1.
    """
    bottom, top = REAL_LIMITS[activation]
    return (
        low if bottom is None else max(low, quantize_real(bottom, scale, zero_point)),
        high if top is None else min(high, quantize_real(top, scale, zero_point)),
    )
