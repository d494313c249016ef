"""Empirical bias correction: what rounding shifts on average is put back.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019,
section 4.2, with calibration data in place of batch-norm statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfedge_converters.ptq.recovery.linear_layers import set_bias
from tfedge_converters.ptq.recovery.session import Session
from tfedge_converters.ptq.recovery.walk import Comparison, compared


@dataclass(frozen=True)
class BiasCorrection:
    """Step that adds E[float] - E[quantised] of every channel's sum to its bias, layer by layer.

    The sums are those before the fused activation, to which the bias is added; the quantised ones
    have what all layers before have become in their inputs.

    Attributes:
        samples: how many of the calibration data to look at, at most.
        rows: how many of a layer's results, at most, in all samples together.
        seed: of the choice among them.
    """

    samples: int = 512
    rows: int = 16384
    seed: int = 0

    def apply(self, session: Session) -> None:
        """Correct the biases of all layers."""
        random = np.random.default_rng(self.seed)
        for comparison in compared(session, "Correcting biases", self.samples):
            layer = comparison.layer
            chosen = comparison.rows(self.rows, random)
            shift = _means(comparison, chosen)
            set_bias(layer, layer.bias() + shift.reshape(-1))


def _means(comparison: Comparison, chosen: np.ndarray) -> np.ndarray:
    """E[float] - E[quantised] of each channel; float64 (groups, 1, width).

    Of a product only the mean of the rows matters.
    """
    before, layer = comparison.before, comparison.layer
    real = before.rows(comparison.real.of(before.source), chosen).mean(1, np.float64, keepdims=True)
    found = layer.rows(comparison.source, chosen).mean(1, np.float64, keepdims=True)
    original = before.matrices(np.asarray(before.weights.data))
    offset = before.by_channel(before.bias() - layer.bias())
    return real @ original - found @ comparison.weights() + offset
