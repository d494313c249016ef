"""Descriptions of callbacks' arguments that may be functions, and the way back from these."""

from __future__ import annotations

from typing import Any

import keras

from tfedge.errors import TfedgeError


def described_layers(layers: Any) -> Any:
    """The argument `layers` of a callback: names for layers, a description for a function.

    Raises:
        TfedgeError: a function is not registered with Keras.
    """
    if layers is None or isinstance(layers, str):
        return layers
    if isinstance(layers, keras.layers.Layer):
        return layers.name
    if callable(layers):
        return described_function(layers, "layers")
    return [item if isinstance(item, str) else item.name for item in layers]


def layers_from(described: Any) -> Any:
    """Return the layers that `described_layers` was given, by their names."""
    return function_from(described) if isinstance(described, dict) else described


def described_function(function: Any, argument: str) -> Any:
    """A function that is registered with Keras, or a number, serialised.

    Raises:
        TfedgeError: it is not registered.
    """
    if not callable(function):
        return function
    if keras.saving.get_registered_name(function) == getattr(function, "__name__", None):
        raise TfedgeError(
            f"{argument} is a function that Keras does not know, so that a file cannot describe "
            "it: decorate it with @keras.saving.register_keras_serializable()"
        )
    return keras.saving.serialize_keras_object(function)


def function_from(described: Any) -> Any:
    """Return the function or number that `described_function` was given."""
    if not isinstance(described, dict):
        return described
    return keras.saving.deserialize_keras_object(described)
