"""Layers as functions of float32 tensors, whatever their dtype policy is."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfedge.keras_graph import private


def run_in_float32(layer: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a layer or operation on float32 tensors, with weights and results of that type.

    Numbers on a grid must not pass through float16 on their way. Operands of float64 give results
    of float64: exact sums of integers may need more than the 24 bits of float32.
    """
    args, kwargs = keras.tree.map_structure(_weights_too, (args, kwargs))
    result_of = _as_it_is if _is_float64((args, kwargs)) else _in_float32
    if not isinstance(layer, keras.layers.Layer):
        return keras.tree.map_structure(result_of, layer(*args, **kwargs))
    casts = {id(one): weight_in_float32(one) for one in layer.variables if _is_other(one)}
    before, layer.autocast = layer.autocast, False
    try:
        with private.replaced_weights(layer, casts):
            return keras.tree.map_structure(result_of, layer(*args, **kwargs))
    finally:
        layer.autocast = before


def _weights_too(item: Any) -> Any:
    is_weight = isinstance(item, keras.Variable) and _is_other(item)
    return weight_in_float32(item) if is_weight else item


def _is_float64(given: Any) -> bool:
    tensors = [one for one in keras.tree.flatten(given) if tf.is_tensor(one)]
    kinds = {keras.backend.standardize_dtype(one.dtype) for one in tensors}
    return {kind for kind in kinds if "float" in kind} == {"float64"}


def _as_it_is(result: Any) -> Any:
    return result


def _in_float32(result: Any) -> Any:
    """A result without a layer's last cast, as an Embedding casts what it looked up."""
    return tf.cast(result, tf.float32) if tf.is_tensor(result) and _is_other(result) else result


def _is_other(tensor: Any) -> bool:
    """Whether a tensor or variable has a float type that is not float32."""
    kind = keras.backend.standardize_dtype(tensor.dtype)
    return "float" in kind and kind != "float32"


def weight_in_float32(weight: Any) -> Any:
    """A weight as a float32 tensor, in whatever type its layer keeps it.

    Args:
        weight: a variable, or what a layer gives in its place: with a low-rank adapter, the sum.
    """
    return tf.cast(tf.convert_to_tensor(weight), tf.float32)
