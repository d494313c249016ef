"""tf_keras models as functions of float32 tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from tfedge.errors import UnsupportedError
from tfedge_converters.export.entry import (
    Argument,
    Entry,
    has_open_batch,
    subclassed_entry,
    symbolic_entry,
)
from tfedge_converters.export.tfmot_wrappers import without_wrappers
from tfedge_converters.export.weights import require_built, require_finite
from tfedge_converters.input_shapes import InputShapes, InputSpec

_OTHER_FLOATS = ("float16", "bfloat16", "float64")
_OTHER_POLICIES = (*_OTHER_FLOATS, "mixed_float16", "mixed_bfloat16")


@contextmanager
def tf_keras_entry(model: Any, input_shapes: InputShapes) -> Iterator[Entry]:
    """The model, or a float32 copy of it if it computes in another float type.

    Raises:
        TfedgeError: the model is not built, its inputs are unknown or its weights broken.
        UnsupportedError: a subclassed model computes in another float type.
    """
    require_built(model)
    model = without_wrappers(model)
    for variable in model.variables:
        require_finite(variable.name, np.asarray(variable.numpy()))
    yield _entry(_in_float32(model), input_shapes)


def _layers(model: Any) -> list[Any]:
    return [part for part in model.submodules if isinstance(part, tf_keras.layers.Layer)]


def _in_float32(model: Any) -> Any:
    layers = [model, *_layers(model)]
    others = [layer for layer in layers if layer.compute_dtype in _OTHER_FLOATS]
    if not others:
        return model
    if not model.inputs:
        raise UnsupportedError(
            f"layer '{others[0].name}' computes in {others[0].compute_dtype} and its model is a "
            "subclass of tf_keras.Model; build the model with the policy float32 and load its "
            "weights"
        )
    classes = {type(layer).__name__: type(layer) for layer in layers}
    with tf_keras.utils.custom_object_scope(classes):
        copy = type(model).from_config(_with_float32(model.get_config()))
    copy.set_weights(
        [np.asarray(weight, _float32_if_float(weight)) for weight in model.get_weights()]
    )
    return copy


def _float32_if_float(weight: Any) -> Any:
    return np.float32 if tf.as_dtype(weight.dtype).is_floating else weight.dtype


def _with_float32(config: Any) -> Any:
    """A layer's config, nested ones included, with every policy a float32 one."""
    if isinstance(config, dict):
        return {
            key: "float32" if key == "dtype" and _is_other(value) else _with_float32(value)
            for key, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return type(config)(_with_float32(value) for value in config)
    return config


def _is_other(dtype: Any) -> bool:
    name = dtype["config"].get("name") if isinstance(dtype, dict) else dtype
    return name in _OTHER_POLICIES


def _entry(model: Any, input_shapes: InputShapes) -> Entry:
    if not model.inputs:
        given = model.save_spec()
        batches = keras.tree.flatten(given) if given is not None else []
        return subclassed_entry(
            model, _arguments(given), input_shapes, open_batch=has_open_batch(batches)
        )
    declared = {tensor.name: _spec(tensor) for tensor in keras.tree.flatten(model.input)}
    return symbolic_entry(model, declared, model.input, input_shapes)


def _arguments(recorded: Any) -> list[Argument] | None:
    """Return the arguments of the first call, of which tf_keras keeps specs."""
    if recorded is None:
        return None
    args, kwargs = keras.tree.map_structure(_spec, recorded)
    return [
        *(Argument(None, structure) for structure in args),
        *(Argument(name, structure) for name, structure in kwargs.items()),
    ]


def _spec(tensor: Any) -> InputSpec:
    return InputSpec(tuple(tensor.shape[1:]), tensor.dtype.name)
