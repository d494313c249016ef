"""TensorFlow's converter, used for nothing but lowering to TFLite operators."""

from __future__ import annotations

import gc
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from tfedge.errors import UnsupportedError
from tfedge_converters.export.trace import Trace

# `error: loc(callsite(fused["MatMul:", "model/dense/MatMul@function"] at ...))): what is wrong`
_LOCATED_ERROR = re.compile(r'error: loc\(.*?"([^"@]+)@.*?\)\): (.*)')
_ERROR = re.compile(r"error: (.*)")


def lower(trace: Trace) -> bytes:
    """The float32 .tflite file of a traced model, with its weights inside.

    Operators that TFLite does not have come out as CUSTOM operators.

    Raises:
        UnsupportedError: the converter cannot lower something; names the operation.
    """
    module = tf.Module()
    module.function = trace.function
    module.variables_read = list(trace.function.variables)
    with tempfile.TemporaryDirectory() as folder:
        try:
            tf.saved_model.save(module, folder, signatures=trace.function)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            converter.allow_custom_ops = True
            with _old_objects_spared():
                return converter.convert()
        except Exception as error:  # the converter's own type is not public
            raise UnsupportedError(_explained(trace, str(error).strip())) from error


@contextmanager
def _old_objects_spared() -> Iterator[None]:
    """Keep garbage collections short: the converter asks for a full one, a third of its time."""
    if gc.get_freeze_count():  # somebody else's, which must not be let go
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _explained(trace: Trace, text: str) -> str:
    located = _LOCATED_ERROR.search(text)
    if located:
        return (
            f"TensorFlow's converter cannot lower '{trace.scopes.restore(located[1])}': "
            f"{located[2]}; compute it from operations that TFLite has"
        )
    found = _ERROR.search(text)
    return f"TensorFlow's converter cannot lower the model: {found[1] if found else text}"
