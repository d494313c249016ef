"""Where SVDF has its operands. Source: TFLite Micro's svdf.h."""

from __future__ import annotations

INPUT = 0
FEATURE_WEIGHTS = 1
TIME_WEIGHTS = 2
BIAS = 3
STATE = 4

OPERANDS = 5
