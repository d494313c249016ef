"""From whatever a user has to the typed graph that is quantised, or that is integer already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.files import read_bytes
from tfedge.keras_packages import needing_keras
from tfedge.quantization.ranges import RANGE_MARKER
from tfedge.quantization.schemes import Scheme
from tfedge.terminal_text import readable
from tfedge_converters.compiled_models import refuse_compiled
from tfedge_converters.file_kinds import FileKind, kind_of
from tfedge_converters.graph import Model, TensorType, read_model, write_model
from tfedge_converters.graph.markers import markers_in
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.graph.passes.byte_functions import as_tables
from tfedge_converters.graph.passes.finite_checks import drop_finite_checks
from tfedge_converters.graph.passes.float_only import replace_float_only
from tfedge_converters.graph.passes.lstm_markers import fuse_lstm_markers
from tfedge_converters.graph.passes.normalization_markers import expand_normalization_markers
from tfedge_converters.graph.passes.normalization_patterns import widen_normalizations
from tfedge_converters.graph.passes.range_markers import consume_range_markers
from tfedge_converters.graph.passes.recurrent_markers import write_recurrent_markers
from tfedge_converters.graph.passes.shared_weights import annotate_shared_weights
from tfedge_converters.graph.passes.weight_markers import consume_weight_markers
from tfedge_converters.graph.real_operators import real_operators_of
from tfedge_converters.quantize.fake_quantization import consume_fake_quantization


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model before it is quantised.

    Attributes:
        model: the typed graph.
        flatbuffer: the file as it was, if no pass changed it; else the graph's bytes.
        name: what the model is called.
        is_real: whether it is to be quantised: more than its ends and functions of one byte
            computes with real numbers, and no operator with integers. What is quantised in part
            is taken as it is.
        input_scales: of a Keras model, see `export.input_scales`.
        scheme: that the model was trained for; None if it was not, or if its file does not say.
        keras_model: what the file was exported from; None of other models, and of trained ones.
    """

    model: Model
    flatbuffer: bytes
    name: str
    is_real: bool
    input_scales: Mapping[int, float] = field(default_factory=dict)
    scheme: Scheme | None = None
    keras_model: Any = None


def prepare(
    model: Any, input_shapes: Any = None, *, to_quantize: bool = True, allow_code: bool = False
) -> Prepared:
    """Opens a model and simplifies it.

    Args:
        model: a Keras or tf_keras model; the path of a .keras, .h5 or .tflite file or a SavedModel
            folder; or the bytes of a .tflite file.
        input_shapes: shapes without the batch, where the model leaves sizes open.
        to_quantize: whether operators that only real numbers have are written as others.
        allow_code: whether code in the file may run; see `export.load_keras`.

    Raises:
        ModelFileError: a file is not a model.
        UnsupportedError: a layer or operator cannot be expressed in TFLite, or opening the file
            would run code.
        TfedgeError: anything else that is wrong with the model.
    """
    flatbuffer, name, traits = _flatbuffer(model, input_shapes, allow_code)
    typed = read_model(flatbuffer, source=name)
    refuse_compiled(typed, name)
    is_marked = any(markers_in(graph, RANGE_MARKER) for graph in typed.graphs)
    consume_weight_markers(typed)
    consume_range_markers(typed)
    annotate_shared_weights(typed, traits.shared_kernels)
    fuse_lstm_markers(typed)
    write_recurrent_markers(typed)
    expand_normalization_markers(typed)
    fake = consume_fake_quantization(typed)
    if pipeline.run(typed) or fake or is_marked:
        flatbuffer = write_model(typed)
    is_real = _is_to_be_quantised(typed)
    if is_real and to_quantize:
        drop_finite_checks(typed)
        replace_float_only(typed)
        widen_normalizations(typed)
    return Prepared(
        typed, flatbuffer, name, is_real, traits.input_scales, traits.scheme, traits.keras_model
    )


def open_flatbuffer(model: str | Path | bytes | bytearray) -> tuple[str, Model]:
    """What a .tflite file is called, and its graph as the file has it.

    Args:
        model: the file's path or bytes.

    Raises:
        TfedgeError: the file cannot be opened.
        ModelFileError: it is no model.
        UnsupportedError: it was compiled for an accelerator already.
    """
    flatbuffer, name, _ = _flatbuffer(model)
    typed = read_model(flatbuffer, source=name)
    refuse_compiled(typed, name)
    return name, typed


@dataclass(frozen=True, eq=False)
class _Traits:
    """What the file of an exported Keras model does not tell."""

    shared_kernels: list[np.ndarray] = field(default_factory=list)
    input_scales: Mapping[int, float] = field(default_factory=dict)
    scheme: Scheme | None = None
    keras_model: Any = None


def _flatbuffer(
    model: Any, input_shapes: Any = None, allow_code: bool = False
) -> tuple[bytes, str, _Traits]:
    """The bytes of a .tflite file, what the model is called, and what it does not tell."""
    if isinstance(model, (bytes, bytearray)):
        return bytes(model), "model", _Traits()
    if not isinstance(model, (str, Path)):
        flatbuffer, traits = _exported(model, input_shapes)
        return flatbuffer, readable(str(getattr(model, "name", "model"))), traits
    path = Path(model)
    if kind_of(path) is FileKind.TFLITE:
        return read_bytes(path), readable(path.stem), _Traits()
    with needing_keras(f"{path}: a Keras model"):
        from tfedge_converters.export import load_keras
    flatbuffer, traits = _exported(load_keras(path, allow_code=allow_code), input_shapes)
    return flatbuffer, readable(path.stem), traits


def _exported(model: Any, input_shapes: Any) -> tuple[bytes, _Traits]:
    with needing_keras("a Keras model"):
        from tfedge_converters.export import (
            export_keras,
            input_scales,
            shared_kernels,
            trained_scheme,
        )
    flatbuffer = export_keras(model, input_shapes)
    return flatbuffer, _Traits(
        shared_kernels(model), input_scales(model), trained_scheme(model), _float_model(model)
    )


def _float_model(model: Any) -> Any:
    """The model itself, if it is one of Keras 3 that computes in float."""
    import keras

    from tfedge_converters.export.trained_scheme import is_trained

    return model if isinstance(model, keras.Model) and not is_trained(model) else None


def _is_to_be_quantised(model: Model) -> bool:
    if any(map(real_operators_of, model.graphs)):
        return False
    return any(
        tensor is not None and tensor.type == TensorType.FLOAT32 and not tensor.is_constant
        for graph in model.graphs
        for operator in as_tables(graph).operators
        if operator.code not in ("QUANTIZE", "DEQUANTIZE")
        for tensor in (*operator.inputs, *operator.outputs)
    )
