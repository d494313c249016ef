"""Whatever a user calls a model, as a typed graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfedge_converters.files import read_bytes
from tfedge_converters.graph import Model, read_model, write_model
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.graph.passes.lstm_markers import fuse_lstm_markers
from tfedge_converters.graph.passes.normalization_markers import expand_normalization_markers
from tfedge_converters.graph.passes.range_markers import consume_range_markers
from tfedge_converters.graph.passes.recurrent_markers import write_recurrent_markers
from tfedge_converters.graph.passes.weight_markers import consume_weight_markers

_FLATBUFFER_SUFFIXES = {".tflite", ".lite"}


def load_model(model: Any, input_shapes: Any = None) -> tuple[Model, bytes, str]:
    """The simplified graph of a model, its bytes as a .tflite file, and what it is called.

    Args:
        model: a Keras or tf_keras model; the path of a .keras, .h5 or .tflite file or a SavedModel
            folder; or the bytes of a .tflite file.
        input_shapes: shapes without the batch, where the model leaves sizes open.

    Raises:
        ModelFileError: a file is not a model.
        UnsupportedError: a layer or operator cannot be expressed.
    """
    flatbuffer, own_name = _flatbuffer(model, input_shapes)
    typed = read_model(flatbuffer, source=own_name)
    consume_weight_markers(typed)
    consume_range_markers(typed)
    fuse_lstm_markers(typed)
    write_recurrent_markers(typed)
    expand_normalization_markers(typed)
    if pipeline.run(typed):
        flatbuffer = write_model(typed)
    return typed, flatbuffer, own_name


def _flatbuffer(model: Any, input_shapes: Any) -> tuple[bytes, str]:
    """The bytes of a .tflite file, and what the model is called."""
    if isinstance(model, (bytes, bytearray)):
        return bytes(model), "model"
    if isinstance(model, (str, Path)):
        path = Path(model)
        if path.suffix in _FLATBUFFER_SUFFIXES:
            return read_bytes(path), path.stem
        from tfedge_converters.export import export_keras, load_keras

        return export_keras(load_keras(path), input_shapes), path.stem
    from tfedge_converters.export import export_keras

    return export_keras(model, input_shapes), str(getattr(model, "name", "model"))
