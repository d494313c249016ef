"""From whatever a user has to the typed graph that is quantised, or that is integer already."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.files import read_bytes
from tfedge_converters.graph import Model, TensorType, read_model, write_model
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.graph.passes.byte_functions import as_tables
from tfedge_converters.graph.passes.float_only import replace_float_only
from tfedge_converters.graph.passes.lstm_markers import fuse_lstm_markers
from tfedge_converters.graph.passes.normalization_markers import expand_normalization_markers
from tfedge_converters.graph.passes.normalization_patterns import widen_normalizations
from tfedge_converters.graph.passes.range_markers import consume_range_markers
from tfedge_converters.graph.passes.recurrent_markers import write_recurrent_markers
from tfedge_converters.graph.passes.shared_weights import annotate_shared_weights
from tfedge_converters.graph.passes.weight_markers import consume_weight_markers
from tfedge_converters.quantize.fake_quantization import consume_fake_quantization

_FLATBUFFER_SUFFIXES = {".tflite", ".lite"}


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model before it is quantised.

    Attributes:
        model: the typed graph.
        flatbuffer: the file as it was, if no pass changed it; else the graph's bytes.
        name: what the model is called.
        is_real: whether more than its ends and functions of one byte computes with real numbers.
    """

    model: Model
    flatbuffer: bytes
    name: str
    is_real: bool


def prepare(model: Any, input_shapes: Any = None, *, to_quantize: bool = True) -> Prepared:
    """Opens a model and simplifies it.

    Args:
        model: a Keras or tf_keras model; the path of a .keras, .h5 or .tflite file or a SavedModel
            folder; or the bytes of a .tflite file.
        input_shapes: shapes without the batch, where the model leaves sizes open.
        to_quantize: whether operators that only real numbers have are written as others.

    Raises:
        ModelFileError: a file is not a model.
        UnsupportedError: a layer or operator cannot be expressed in TFLite.
        TfedgeError: anything else that is wrong with the model.
    """
    flatbuffer, name, kernels = _flatbuffer(model, input_shapes)
    typed = read_model(flatbuffer, source=name)
    consume_weight_markers(typed)
    consume_range_markers(typed)
    annotate_shared_weights(typed, kernels)
    fuse_lstm_markers(typed)
    write_recurrent_markers(typed)
    expand_normalization_markers(typed)
    fake = consume_fake_quantization(typed)
    if pipeline.run(typed) or fake:
        flatbuffer = write_model(typed)
    is_real = _has_real_activations(typed)
    if is_real and to_quantize:
        replace_float_only(typed)
        widen_normalizations(typed)
    return Prepared(typed, flatbuffer, name, is_real)


def open_flatbuffer(model: str | Path | bytes | bytearray) -> tuple[str, Model]:
    """What a .tflite file is called, and its graph as the file has it.

    Args:
        model: the file's path or bytes.

    Raises:
        TfedgeError: the file cannot be opened.
        ModelFileError: it is no model.
    """
    flatbuffer, name, _ = _flatbuffer(model, None)
    return name, read_model(flatbuffer, source=name)


def _flatbuffer(model: Any, input_shapes: Any) -> tuple[bytes, str, list[np.ndarray]]:
    """The bytes of a .tflite file, what the model is called, and kernels with few values."""
    if isinstance(model, (bytes, bytearray)):
        return bytes(model), "model", []
    if not isinstance(model, (str, Path)):
        flatbuffer, kernels = _exported(model, input_shapes)
        return flatbuffer, str(getattr(model, "name", "model")), kernels
    path = Path(model)
    if path.suffix in _FLATBUFFER_SUFFIXES:
        return read_bytes(path), path.stem, []
    from tfedge_converters.export import load_keras

    flatbuffer, kernels = _exported(load_keras(path), input_shapes)
    return flatbuffer, path.stem, kernels


def _exported(model: Any, input_shapes: Any) -> tuple[bytes, list[np.ndarray]]:
    from tfedge_converters.export import export_keras, shared_kernels

    return export_keras(model, input_shapes), shared_kernels(model)


def _has_real_activations(model: Model) -> bool:
    return any(
        tensor is not None and tensor.type == TensorType.FLOAT32 and not tensor.is_constant
        for graph in model.graphs
        for operator in as_tables(graph).operators
        if operator.code not in ("QUANTIZE", "DEQUANTIZE")
        for tensor in (*operator.inputs, *operator.outputs)
    )
