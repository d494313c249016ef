"""Recovery of a Keras model that is about to be trained for integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Model
from tfedge_converters.preparation import prepare
from tfedge_converters.ptq.quant_params import trained_integers
from tfedge_converters.ptq.recovery import Equalization, Step, recover, steps
from tfedge_converters.ptq.recovery.linear_layers import LinearLayer
from tfedge_converters.ptq.recovery.session import free_layers


@dataclass(frozen=True, eq=False)
class RecoveredLayer:
    """Integers and biases that recovery has found for one operator of the Keras model.

    Attributes:
        integers: of the weights, with the factors of a batch-norm: float32 (reduction, channels),
            the reduction in the order of the Keras kernel.
        scale: float32 (channels,), or (1,).
        bias_shift: what is added to the bias, float32 (channels,).
    """

    integers: np.ndarray
    scale: np.ndarray
    bias_shift: np.ndarray


def recover_for_training(
    model: Any,
    scheme: Scheme | None,
    chosen: str | Sequence[str | Step],
    data: Any,
    progress: bool = False,
) -> dict[int, RecoveredLayer]:
    """Run steps of recovery on a quantised Keras model, with the ranges and scales that it has.

    Args:
        model: with numbers for the operators that may be changed (`WeightedOperator.number`).
        scheme: that it computes with; None for that of its layers.
        chosen: see `steps`, but for equalisation.
        data: representative inputs, see `RepresentativeData`.
        progress: whether to show progress bars.

    Returns:
        By the operator's number, what was found. Operators that recovery knows nothing of, as
        transposed convolutions, are not in it.

    Raises:
        TfedgeError: a step is unknown or not for training, or there are no data, or they do not
            fit.
    """
    ordered = steps(chosen)
    if any(isinstance(step, Equalization) for step in ordered):
        raise TfedgeError(
            "equalization rescales channels, which a batch-norm in training takes back; leave it "
            "out of the recovery that a training begins with, and give it to tfedge.convert"
        )
    prepared = prepare(model)
    scheme = scheme or prepared.scheme
    if scheme is None:
        raise TfedgeError(
            f"the layers of model '{prepared.name}' have no scheme in common, which recovery has "
            "to know: quantise the model with tfedge.quantize"
        )
    before = _numbered_layers(prepared.model)
    biases = {number: layer.bias() for number, layer in before.items()}
    recover(prepared.model, ordered, data, lambda _: None, scheme=scheme, progress=progress)
    return {number: _found(layer, biases[number]) for number, layer in before.items()}


def _numbered_layers(model: Model) -> dict[int, LinearLayer]:
    """The layers that recovery may change, by the numbers that their operators had."""
    grids = [(layer.weights.trained_weights, layer) for layer in free_layers(model)]
    return {grid.number: layer for grid, layer in grids if grid and grid.number is not None}


def _found(layer: LinearLayer, bias: np.ndarray) -> RecoveredLayer:
    grid, axis = layer.weights.trained_weights, layer.rule.axis
    assert grid is not None
    integers = trained_integers(np.asarray(layer.weights.data), grid, axis)
    return RecoveredLayer(
        np.moveaxis(integers, axis, -1).reshape(-1, layer.channels),
        grid.scale,
        layer.bias() - bias,
    )
