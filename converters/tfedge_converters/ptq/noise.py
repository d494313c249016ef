"""How much of a signal quantisation turns into noise."""

from __future__ import annotations

import numpy as np

from tfedge_converters.graph import Graph, Tensor
from tfedge_converters.graph.real_operators import is_real_activation

# What a signal without any noise is said to have.
_BEST = 1e-12


def noise(real: np.ndarray, found: np.ndarray) -> float:
    """Power of the difference over that of the real signal, about its mean.

    A constant signal counts as one of power 1, or of its own square.
    """
    reference = real.astype(np.float64)
    signal = power(real) or float(np.square(reference).mean()) or 1.0
    return float(np.square(found - reference).mean()) / signal


def power(real: np.ndarray) -> float:
    """Compute the mean square of a signal about its mean."""
    reference = real.astype(np.float64)
    return float(np.square(reference - reference.mean()).mean())


def decibels(relative: float) -> float:
    """The signal-to-noise ratio of a relative noise power; 120 dB at most."""
    return -10 * float(np.log10(max(relative, _BEST)))


def measured_outputs(graph: Graph) -> list[Tensor]:
    """The activations at which a float graph's accuracy is measured: its float outputs.

    For a SOFTMAX these are its operand: probabilities near 0 and 1 hide what happens to scores. And
    so they are for what makes integers of real numbers, as ARG_MAX.
    """
    makers = {id(operator.outputs[0]): operator for operator in graph.operators}
    found = []
    for tensor in graph.outputs:
        maker = makers.get(id(tensor))
        source = maker.inputs[0] if maker is not None and maker.inputs else None
        is_real = is_real_activation(tensor)
        hidden = maker is not None and (maker.code == "SOFTMAX" or not is_real)
        if hidden and source is not None and is_real_activation(source):
            found.append(source)
        elif is_real:
            found.append(tensor)
    return found
