"""`tfedge.convert`: the whole road in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from tfedge.quantization.schemes import Scheme
from tfedge_converters import targets
from tfedge_converters.artifact import Artifact
from tfedge_converters.c import CSource, Options, generate
from tfedge_converters.c.names import check_identifier, identifier
from tfedge_converters.files import read_bytes
from tfedge_converters.graph import Model, TensorType, read_model, write_model
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.graph.passes.byte_functions import as_tables
from tfedge_converters.graph.passes.float_only import replace_float_only
from tfedge_converters.graph.passes.lstm_markers import fuse_lstm_markers
from tfedge_converters.graph.passes.micro_sequences import write_for_micro
from tfedge_converters.graph.passes.range_markers import consume_range_markers
from tfedge_converters.graph.passes.shared_weights import annotate_shared_weights
from tfedge_converters.graph.passes.weight_markers import consume_weight_markers
from tfedge_converters.quantize import calibrate, quantize
from tfedge_converters.tflm import generate_array
from tfedge_converters.verify.vectors import self_test_vectors

_FLATBUFFER_SUFFIXES = {".tflite", ".lite"}


def convert(
    model: Any,
    *,
    target: str = "host",
    quantization: str | Scheme = "int8",
    calibration: Any = None,
    name: str | None = None,
    input_type: str | None = None,
    output_type: str | None = None,
    optimize: str = "balanced",
    input_shapes: Any = None,
    progress: bool = False,
    command: str = "",
) -> Artifact:
    """Converts a model for a target.

    A float model is quantised; an integer .tflite file is taken as it is.

    Args:
        model: a Keras or tf_keras model; the path of a .keras, .h5 or .tflite file or a SavedModel
            folder; or the bytes of a .tflite file.
        target: a name that `tfedge targets` lists.
        quantization: "int8"; "int16x8" for activations of 16 bits; "int4" for weights of 4 bits
            where there are kernels for them; or a `Scheme`. What training put on a grid stays.
        calibration: representative inputs, for float models whose ranges did not come from
            training: an array whose first axis is samples, a list or dict of them for several
            inputs, a generator, a tf.data.Dataset or the path of an .npz file.
        name: prefix of the generated files and C symbols; the model's own name by default.
        input_type, output_type: "float32" to convert at the ends; None for the integers that the
            model computes with, or their name, "int8" or "int16".
        optimize: "speed", "balanced" or "size" of the generated C.
        input_shapes: shapes without the batch, where the model leaves sizes open.
        progress: whether to show progress on the terminal.
        command: what made this, for the generated files' banner.

    Returns:
        The converted model, in memory; `save` writes it.

    Raises:
        ModelFileError: a file is not a model.
        UnsupportedError: a layer or operator cannot be expressed for the target.
        TfedgeError: anything else that is wrong with the arguments.
    """
    chosen = targets.load(target)
    flatbuffer, own_name, kernels = _flatbuffer(model, input_shapes)
    name = identifier(own_name) if name is None else check_identifier(name)
    typed = read_model(flatbuffer, source=own_name)
    consume_weight_markers(typed)
    consume_range_markers(typed)
    annotate_shared_weights(typed, kernels)
    fuse_lstm_markers(typed)
    if pipeline.run(typed):
        flatbuffer = write_model(typed)
    if _has_real_activations(typed):
        replace_float_only(typed)
        ends = input_type, output_type
        flatbuffer = _quantize(typed, quantization, calibration, ends, progress)
    if chosen.code == "tflite-micro" and write_for_micro(typed):
        flatbuffer = write_model(typed)
    source = None
    if chosen.code == "c":
        source = _generate_c(typed, flatbuffer, Options(name, chosen, optimize, command))
    arrays = generate_array(typed, flatbuffer, name) if chosen.code == "tflite-micro" else {}
    artifact = Artifact(name, chosen, typed, flatbuffer, source, arrays)
    for row in artifact.weights:
        if row.broken:
            logging.warning("%s: of %s, %s", name, row.name, row.broken)
    return artifact


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
    """Whether anything but the ends and functions of one byte computes with real numbers."""
    return any(
        tensor is not None and tensor.type == TensorType.FLOAT32 and not tensor.is_constant
        for graph in model.graphs
        for operator in as_tables(graph).operators
        if operator.code not in ("QUANTIZE", "DEQUANTIZE")
        for tensor in (*operator.inputs, *operator.outputs)
    )


def _quantize(
    model: Model,
    scheme: str | Scheme,
    calibration: Any,
    ends: tuple[str | None, str | None],
    progress: bool,
) -> bytes:
    if calibration is not None:
        calibrate(model, calibration, scheme=scheme, progress=progress)
    quantize(model, scheme, input_type=ends[0], output_type=ends[1])
    return write_model(model)


def _generate_c(model: Model, flatbuffer: bytes, options: Options) -> CSource:
    vectors = self_test_vectors(model, flatbuffer)
    return generate(model, options, flatbuffer=flatbuffer, vectors=vectors)
