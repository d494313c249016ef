"""Rounding noise of the ranges that calibration found, reported before anybody trains with them.

Training adapts weights to a grid, but no weight brings back what the grid of one activation does
not hold: a mask of -1e9 beside scores, a divisor near 0. `tfedge.convert` says so too, but only
after training.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tfedge.equivalence import unchanged_states
from tfedge.quantization.operators import QuantizedOperator
from tfedge.quantization.phase import FLOAT, SIMULATED, Phase

# As of `tfedge.convert`. What several operators lose together is for training to win back.
_LEAST_SNR = 15.0
# Every operator is rounded alone, so that effort grows with the square.
_MOST_OPERATORS = 200
# What stands for minus infinity is at most so large.
_SENTINEL = -1000.0
_ROUNDED = Phase(quantize=True, observe=False, update_batch_norm=False)


def warn_of_noise(model: Any, operators: Sequence[QuantizedOperator], inputs: Any) -> None:
    """Warn if an activation alone leaves an output less than 15 dB of signal to noise.

    Args:
        model: a model with quantised operators whose ranges are known.
        operators: its own.
        inputs: a batch, as the model takes it.
    """
    before = [(operator, operator.phase, operator.inference) for operator in operators]
    try:
        for operator in operators:
            operator.phase, operator.inference = FLOAT, SIMULATED
        expected = _outputs(model, inputs)
        if _snr_with(model, operators, inputs, expected) >= _LEAST_SNR:
            return
        worst = _worst(model, operators, inputs, expected)
    finally:
        for operator, phase, inference in before:
            operator.phase, operator.inference = phase, inference
    if worst is not None:
        warnings.warn(_sentence(model, *worst), stacklevel=4)


def _worst(
    model: Any, operators: Sequence[QuantizedOperator], inputs: Any, expected: list[np.ndarray]
) -> tuple[QuantizedOperator, float] | None:
    """The activation whose grid alone costs most, if that is too much."""
    watched = [one for one in operators if _has_own_range(one)]
    if len(watched) > _MOST_OPERATORS:
        return None
    alone = [(_snr_with(model, [one], inputs, expected), one) for one in watched]
    snr, worst = min(alone, key=lambda pair: pair[0], default=(math.inf, None))
    return None if worst is None or snr >= _LEAST_SNR else (worst, snr)


def _has_own_range(operator: Any) -> bool:
    """Whether an operator rounds to a range of its own, and no weights to fewer bits than 8."""
    weights = getattr(operator, "weight_quantizer", None)
    few = weights is not None and weights.scheme.bits < 8
    return getattr(operator, "quantizer", None) is not None and not few


def _snr_with(
    model: Any, rounded: Sequence[QuantizedOperator], inputs: Any, expected: list[np.ndarray]
) -> float:
    """dB of the worst output if these operators are rounded, and no others."""
    for operator in rounded:
        operator.phase = _ROUNDED
    found = _outputs(model, inputs)
    for operator in rounded:
        operator.phase = FLOAT
    return min(map(_snr, expected, found), default=math.inf)


def _outputs(model: Any, inputs: Any) -> list[np.ndarray]:
    with unchanged_states(model):
        flat = keras.tree.flatten(model(inputs, training=False))
    arrays = [keras.ops.convert_to_numpy(x).astype(np.float64) for x in flat]
    return [array for array in arrays if array.size]


def _snr(expected: np.ndarray, found: np.ndarray) -> float:
    signal, noise = np.square(expected).sum(), np.square(expected - found).sum()
    if not math.isfinite(noise):
        return -math.inf
    return 10 * math.log10(signal / noise) if signal and noise else math.inf


def _sentence(model: Any, operator: Any, snr: float) -> str:
    low, high = (float(keras.ops.convert_to_numpy(end)) for end in operator.quantizer.range())
    name, bits = operator.name, operator.quantizer.bits
    if low <= _SENTINEL:
        remedy = (
            "give a mask as booleans and choose with it, ops.where(mask, scores, -1e9), which "
            "costs the scores nothing"
        )
    else:
        remedy = "keep its values within a smaller range"
        remedy += "" if bits > 8 else ", or give its layer 16 bits in a scheme's overrides"
    return (
        f"model '{model.name}': with the calibrated ranges, '{name}' alone leaves an output "
        f"{snr:.1f} dB of signal to noise: its {bits} bits span {low:.4g} … {high:.4g}. Training "
        f"can hardly win that back: {remedy}"
    )
