"""Exported form of Keras 3's normalisations: one marked operator each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from tfedge.keras_graph import private
from tfedge.markers.normalization import (
    DEVIATION_NORM,
    LAYER_NORM,
    RMS_NORM,
    NormalizationMarker,
    mark_normalization,
    trailing_axes,
)

# The scale and the offset that a layer uses.
_OPERANDS: dict[NormalizationMarker, Callable[[Any], tuple[Any, Any]]] = {
    DEVIATION_NORM: lambda layer: (layer.gamma, None),
    LAYER_NORM: lambda layer: (layer.gamma, layer.beta),
    RMS_NORM: lambda layer: (layer.scale, None),
}


@contextmanager
def marked_normalizations(model: Any) -> Iterator[None]:
    """Make LayerNormalization and RMSNormalization of the last dimensions one marker each."""
    layers = [layer for layer in private.layers_in(model) if _kind(layer) is not None]
    try:
        for layer in layers:
            # Past Keras' own attribute tracking, which would remember it.
            vars(layer)["call"] = _Exported(layer)
        yield
    finally:
        for layer in layers:
            vars(layer).pop("call", None)


def _kind(layer: Any) -> NormalizationMarker | None:
    """The marker of a layer that has one."""
    if type(layer).call is keras.layers.LayerNormalization.call:
        return DEVIATION_NORM if layer.rms_scaling else LAYER_NORM
    if type(layer).call is keras.layers.RMSNormalization.call:
        return RMS_NORM
    return None


class _Exported:
    """A layer's `call`."""

    def __init__(self, layer: Any):
        self._layer = layer
        self._call = layer.call

    def __call__(self, inputs: Any) -> Any:
        layer = self._layer
        axes = trailing_axes(layer.axis, len(inputs.shape))
        if axes is None:
            return self._call(inputs)
        kind = _kind(layer)
        assert kind is not None
        scale, offset = _OPERANDS[kind](layer)
        given = [keras.ops.convert_to_tensor(part) for part in (scale, offset) if part is not None]
        mark = mark_normalization(kind, layer.epsilon, axes, scale is not None, offset is not None)
        return mark(_normalization(layer, kind, axes))(inputs, *given)


def _normalization(layer: Any, kind: NormalizationMarker, axes: int) -> Any:
    """The layer as a function of its operand, scale and offset."""
    dimensions = list(range(-axes, 0))

    def normalized(x: Any, *given: Any) -> Any:
        centered = x
        if kind != RMS_NORM:
            centered = x - tf.reduce_mean(x, dimensions, keepdims=True)
        squares = tf.reduce_mean(centered * centered, dimensions, keepdims=True)
        divided = x if kind == DEVIATION_NORM else centered
        y = divided * tf.math.rsqrt(squares + layer.epsilon)
        for value, combine in zip(given, (tf.multiply, tf.add), strict=False):
            y = combine(y, value)
        return y

    return normalized
