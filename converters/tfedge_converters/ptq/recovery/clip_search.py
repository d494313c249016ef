"""Scales of weights by the least squared error instead of the largest magnitude.

With few bits it pays to cut off the largest weights of a channel, for finer steps of all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfedge.quantization.affine import accumulator_scales, largest_biases
from tfedge_converters.graph import WeightGrid
from tfedge_converters.ptq.quantized_copy import QuantizedCopy
from tfedge_converters.ptq.recovery.linear_layers import LinearLayer
from tfedge_converters.ptq.recovery.session import Session


@dataclass(frozen=True)
class ClipSearch:
    """For every channel the scale, of some below that of its largest weight, that errs least.

    Attributes:
        smallest: the least scale to try, as a part of that of the largest weight.
        candidates: how many to try, evenly spaced.
    """

    smallest: float = 0.3
    candidates: int = 71

    def apply(self, session: Session) -> None:
        """Choose the scales of all layers."""
        quantized_copy = session.quantized_copy()
        for layer in session.layers:
            bits = session.bits(layer, quantized_copy)
            scale = self._scale(quantized_copy, layer, 2 ** (bits - 1) - 1)
            session.put_on_grid(layer, np.asarray(layer.weights.data), WeightGrid(scale, bits))

    def _scale(self, quantized_copy: QuantizedCopy, layer: LinearLayer, limit: int) -> np.ndarray:
        given = quantized_copy.operand(layer.operator, layer.rule.operand).quantization
        assert given is not None
        weights = layer.matrices(np.asarray(layer.weights.data))
        parts = np.linspace(1, self.smallest, self.candidates, dtype=np.float32)
        scales = [_large_enough(quantized_copy, layer, given.scale * part) for part in parts]
        errors = [_squared_errors(weights, layer, scale, limit) for scale in scales]
        best = np.argmin(errors, axis=0)
        return np.take_along_axis(np.array(scales), best[np.newaxis], axis=0)[0]


def _large_enough(
    quantized_copy: QuantizedCopy, layer: LinearLayer, scale: np.ndarray
) -> np.ndarray:
    """The scales, enlarged where the bias would not fit into the accumulator."""
    source = quantized_copy.operand(layer.operator, layer.rule.input).quantization
    assert source is not None
    biases = largest_biases(layer.bias(), scale.size)
    return accumulator_scales(scale, source.scale[0], biases)[0].astype(np.float32)


def _squared_errors(
    weights: np.ndarray, layer: LinearLayer, scale: np.ndarray, limit: int
) -> np.ndarray:
    """Compute the squared errors of each channel, or of all: float64 of the shape of `scale`."""
    step = layer.by_channel(scale)
    errors = np.square(np.rint(weights / step).clip(-limit, limit) * step - weights)
    by_channel = errors.sum(axis=1, dtype=np.float64).reshape(-1)
    return by_channel if scale.size > 1 else by_channel.sum(keepdims=True)
