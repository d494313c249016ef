"""From whatever a user has to the bytes of a .tflite file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.files import read_bytes
from tfedge.keras_packages import needing_keras
from tfedge.quantization.schemes import Scheme
from tfedge.terminal_text import readable
from tfedge_converters.file_kinds import FileKind, kind_of
from tfedge_converters.worker.limits import limits
from tfedge_converters.worker.pool import start_ahead

if TYPE_CHECKING:
    from tfedge_converters.export.entry import Entry


@dataclass(frozen=True, eq=False)
class Source:
    """The bytes of a .tflite file, and what the file does not tell.

    Attributes:
        flatbuffer: the file.
        name: what the model is called.
        shared_kernels: of a Keras model, see `export.shared_kernels`.
        input_scales: of a Keras model, see `export.input_scales`.
        scheme: that the model was trained for; None if it was not, or if its file does not say.
        entry: a call of what the file was exported from; None of other models, and of trained ones.
        input_shapes: that a file which was not exported here is still to be given, see
            `open_inputs`; None if it keeps its own.
    """

    flatbuffer: bytes
    name: str
    shared_kernels: list[np.ndarray] = field(default_factory=list)
    input_scales: Mapping[int, float] = field(default_factory=dict)
    scheme: Scheme | None = None
    entry: Entry | None = None
    input_shapes: Any = None


def source_of(model: Any, input_shapes: Any = None, *, allow_code: bool = False) -> Source:
    """The .tflite file of whatever a user has; it is not read yet.

    Args:
        model: see `prepare`.
        input_shapes: shapes without the batch, where the model leaves sizes open.
        allow_code: whether code in the file may run; see `export.load_keras`.

    Raises:
        ModelFileError: there is no file, or it is no model.
        UnsupportedError: a layer cannot be expressed, or opening the file would run code.
        TfedgeError: it is of a type that no model has.
    """
    if isinstance(model, (bytes, bytearray)):
        return Source(bytes(model), "model", input_shapes=input_shapes)
    if not isinstance(model, (str, Path)):
        _require_model(model)
        return _exported(model, readable(str(getattr(model, "name", "model"))), input_shapes)
    path = Path(model)
    name = readable(path.stem)
    kind = kind_of(path)
    if kind is FileKind.TFLITE:
        return Source(read_bytes(path), name, input_shapes=input_shapes)
    if kind is FileKind.SAVED_MODEL and not allow_code:
        start_ahead(limits(), "tfedge_converters.worker.saved_model")  # as slow as what follows
    with needing_keras(f"{path}: a Keras model"):
        from tfedge_converters.export import load_keras
    return _exported(load_keras(path, allow_code=allow_code), name, input_shapes)


def _require_model(model: Any) -> None:
    if not callable(model):
        raise TfedgeError(
            f"a {type(model).__name__} is no model; give a Keras model, the path of a .keras, .h5 "
            "or .tflite file or of a SavedModel folder, or the bytes of a .tflite file"
        )


def _exported(model: Any, name: str, input_shapes: Any) -> Source:
    with needing_keras("a Keras model"):
        from tfedge_converters.export import (
            exported,
            input_scales,
            is_trained,
            shared_kernels,
            trained_scheme,
        )
    flatbuffer, entry = exported(model, input_shapes)
    return Source(
        flatbuffer,
        name,
        shared_kernels(model),
        input_scales(model),
        trained_scheme(model),
        None if is_trained(model) else entry,
    )
