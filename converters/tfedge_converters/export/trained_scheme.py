"""Which scheme a Keras model was trained for."""

from __future__ import annotations

from typing import Any

import keras

from tfedge.keras_graph import private
from tfedge.quantization.model import QuantizedModel, operators_of
from tfedge.quantization.quantize_layer import Quantize
from tfedge.quantization.quantized_forward import quantized_forward_of
from tfedge.quantization.schemes import Scheme


def is_trained(model: Any) -> bool:
    """Whether tfedge has made a model that computes on grids, whatever their schemes."""
    return isinstance(model, keras.Model) and (
        quantized_forward_of(model) is not None or bool(operators_of(model))
    )


def trained_scheme(model: Any) -> Scheme | None:
    """The scheme that all quantised layers of a model have, whatever quantised them.

    Args:
        model: a Keras model, or anything, which has none.

    Returns:
        None if there are no such layers, or if they do not agree.
    """
    if not isinstance(model, keras.Model):
        return None
    forward = quantized_forward_of(model)
    if forward is not None:
        return forward.scheme
    if isinstance(model, QuantizedModel):
        return model.scheme
    layers = private.layers_in(model)
    schemes = [layer.scheme for layer in layers if isinstance(layer, Quantize)]
    agree = bool(schemes) and all(scheme == schemes[0] for scheme in schemes)
    return schemes[0] if agree else None
