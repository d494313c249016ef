"""From a Keras model in memory to the bytes of a float .tflite file."""

from __future__ import annotations

import sys
from typing import Any

import keras

from tfedge.errors import TfedgeError
from tfedge_converters.export.dilations import restore_dilations
from tfedge_converters.export.entry import Entry
from tfedge_converters.export.hard_swishes import restore_hard_swishes
from tfedge_converters.export.integer_inputs import take_integers
from tfedge_converters.export.keras3 import keras_entry
from tfedge_converters.export.lowering import lower
from tfedge_converters.export.negative_zeros import ignore_negative_zeros
from tfedge_converters.export.original_names import restore_names
from tfedge_converters.export.runnable import require_runnable
from tfedge_converters.export.saved_function import SavedFunction, saved_function_entry
from tfedge_converters.export.squeezed_addends import restore_addends
from tfedge_converters.export.trace import trace
from tfedge_converters.graph import read_model, write_model
from tfedge_converters.input_shapes import InputShapes
from tfedge_converters.quiet import quiet


def export_keras(model: Any, input_shapes: InputShapes = None) -> bytes:
    """Lower a Keras model to a float32 TFLite flatbuffer of batch 1.

    The file computes what the model computes in inference, in float32 whatever the model's
    dtype policy; weights are constants, no shape is dynamic, and ranges that layers mark
    with `tfedge.markers.mark_range` are in it as `tfedge.Range` operators. The
    signature has the model's input and output names in the model's order. Inputs that the
    model does nothing with but cast to integers take those integers.

    Args:
        model: a built Keras 3 or tf_keras model: Functional, Sequential or subclassed; or a
            `SavedFunction`. It is unchanged afterwards.
        input_shapes: shapes without the batch, needed where the model leaves sizes open or is
            subclassed and was never called: one shape, a list in the order of the inputs, or
            a dict by input name (for subclassed models: by argument of `call`).

    Returns:
        The bytes of the .tflite file.

    Raises:
        TfedgeError: the model is not built, an input is unknown, a weight is not finite, or
            the model itself fails.
        UnsupportedError: the model keeps state, or has an operation or type that TFLite
            cannot express; the message names the layer.
    """
    return exported(model, input_shapes)[0]


def exported(model: Any, input_shapes: InputShapes = None) -> tuple[bytes, Entry]:
    """`export_keras`, and how the model itself is called.

    Returns:
        The bytes of the .tflite file; and the entry whose inputs and outputs are those of its
        signature, for calls on batches of any size that the model takes.
    """
    with quiet():
        with _opener(model)(model, input_shapes) as entry:
            traced = trace(entry)
        data = lower(traced)
    lowered = read_model(data, source=f"model '{model.name}'")
    restore_names(lowered, traced)
    take_integers(lowered)
    restore_addends(lowered)
    restore_hard_swishes(lowered)
    restore_dilations(lowered)
    ignore_negative_zeros(lowered)
    require_runnable(lowered)
    return write_model(lowered), entry.itself


def _opener(model: Any) -> Any:
    """Return the module that opens such a model; tf_keras is imported only for its own models."""
    if isinstance(model, keras.Model):
        if keras.backend.backend() != "tensorflow":
            raise TfedgeError(
                f"Keras runs on {keras.backend.backend()}; set KERAS_BACKEND=tensorflow and load "
                "the model again"
            )
        return keras_entry
    if isinstance(model, SavedFunction):
        return saved_function_entry
    if "tf_keras" in sys.modules:
        import tf_keras

        if isinstance(model, tf_keras.Model):
            from tfedge_converters.export.legacy_keras import tf_keras_entry

            return tf_keras_entry
    raise TfedgeError(
        f"a Keras model is needed, not {type(model).__name__}; open files with load_keras, "
        "and wrap a single layer in keras.Sequential"
    )
