"""Noise at the output by rounded weights, and of the whole integer model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from tfedge.progress import tracked
from tfedge.quantization.policy import OPERATORS
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Operator, Tensor
from tfedge_converters.ptq.probe import Probe
from tfedge_converters.ptq.quantized_copy import QuantizedCopy, dequantized
from tfedge_converters.ptq.tensor_values import run_part
from tfedge_converters.search.overrides import uniform_weights


class WeightNoise:
    """Noise of layers by the integers that their weights become, each measured once."""

    def __init__(self, probe: Probe):
        self._probe = probe
        self._known: dict[tuple[int, bytes], float] = {}

    def by_layer(
        self, scheme: Scheme, bits: Sequence[int], progress: bool = False
    ) -> dict[str, dict[int, float]]:
        """Relative noise power at the output by layer and width of its weights.

        The layer's weights are rounded and all else is exact. Layers go by the names of their
        results.
        """
        found: dict[str, dict[int, float]] = {}
        for width in tracked(bits, "Measuring sensitivities", progress):
            quantized_copy = QuantizedCopy(self._probe.model, uniform_weights(scheme, width))
            for operator in self._probe.model.main.operators:
                if quantized_copy.rounds_weights(operator):
                    noise = self._of(operator, quantized_copy.with_rounded_weights(operator))
                    found.setdefault(operator.outputs[0].name, {})[width] = noise
        return found

    def _of(self, operator: Operator, rounded: Operator) -> float:
        key = id(operator), _digest(rounded)
        if key not in self._known:
            values = self._probe.recomputed(rounded)
            self._known[key] = self._probe.output_noise(operator.outputs[0], values)
        return self._known[key]


def measured_noise(probe: Probe, scheme: Scheme) -> float:
    """Relative noise power at the output of the integer model; all ranges are known."""
    quantized_copy = QuantizedCopy(probe.model, scheme)
    tensors = [_as_measured(probe, quantized_copy, tensor) for tensor in probe.measured_outputs]
    values = run_part(
        quantized_copy.model.main, quantized_copy.activations(probe.inputs).known, tensors
    )
    found = [dequantized(tensor, value) for tensor, value in zip(tensors, values, strict=True)]
    return probe.noise(found)


def _as_measured(probe: Probe, quantized_copy: QuantizedCopy, tensor: Tensor) -> Tensor:
    """A measured output as the SOFTMAX behind it reads it, which may be in another width."""
    graph = probe.model.main
    if any(tensor is output for output in graph.outputs):
        return quantized_copy.tensor(tensor)
    reader = next(item for item in graph.operators if item.inputs and item.inputs[0] is tensor)
    return quantized_copy.operand(reader, 0)


def _digest(operator: Operator) -> bytes:
    """Digest an operator's weights."""
    digest = hashlib.blake2b()
    for rule in OPERATORS[operator.code].weights:
        weights = operator.inputs[rule.operand]
        assert weights is not None
        digest.update(np.asarray(weights.data).tobytes())
    return digest.digest()
