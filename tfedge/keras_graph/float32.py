"""Layers as functions of float32 tensors, whatever their dtype policy is."""

from __future__ import annotations

from typing import Any

import keras


def run_in_float32(layer: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a layer or operation without casting what it is given.

    Numbers on a grid must not pass through float16 on their way.
    """
    if not isinstance(layer, keras.layers.Layer) or not layer.autocast:
        return layer(*args, **kwargs)
    layer.autocast = False
    try:
        return layer(*args, **kwargs)
    finally:
        layer.autocast = True
