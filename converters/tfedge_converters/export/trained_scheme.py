"""Which scheme a Keras model was trained for."""

from __future__ import annotations

from typing import Any

import keras

from tfedge.quantization.quantize_layer import Quantize
from tfedge.quantization.schemes import Scheme
from tfedge.quantization.twin import twin_of


def trained_scheme(model: Any) -> Scheme | None:
    """The scheme that all quantised layers of a model have, whatever quantised them.

    Args:
        model: a Keras model, or anything, which has none.

    Returns:
        None if there are no such layers, or if they do not agree.
    """
    if not isinstance(model, keras.Model):
        return None
    twin = twin_of(model)
    layers = (model if twin is None else twin.model)._flatten_layers()
    schemes = [layer.scheme for layer in layers if isinstance(layer, Quantize)]
    agree = bool(schemes) and all(scheme == schemes[0] for scheme in schemes)
    return schemes[0] if agree else None
