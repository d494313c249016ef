"""A model as integers without data: for reports of what does not depend on its ranges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tfedge.errors import UnsupportedError
from tfedge.quantization.schemes import Scheme, for_conversion
from tfedge_converters.backends import backend_named
from tfedge_converters.calibrate_model import apply_calibration
from tfedge_converters.file_kinds import FileKind, kind_of
from tfedge_converters.graph import Model, TensorType
from tfedge_converters.graph.kind import model_kind
from tfedge_converters.preparation import Prepared, open_flatbuffer, prepare
from tfedge_converters.ptq import quantize
from tfedge_converters.ptq.storage import store_weights
from tfedge_converters.targets import Target

_SAMPLES = 2
_MOST_VALUES = 1 << 24


def open_as_integers(
    model: Any,
    target: Target,
    input_shapes: Any = None,
    *,
    quantization: str | None = None,
    allow_code: bool = False,
) -> tuple[str, Model, list[str]]:
    """Open a model, and quantise it with made-up ranges if it is a float one.

    Args:
        model: as for `convert`.
        target: whose schemes there are.
        input_shapes: shapes without the batch, where the model leaves sizes open.
        quantization: the scheme; None for the target's own.
        allow_code: whether code in the file may run.

    Returns:
        Its name, its graph, and notes on what was done to it.

    Raises:
        ModelFileError: a file is not a model.
        UnsupportedError: a layer cannot be expressed in TFLite, or not quantised; or inputs are
            larger than any device's.
    """
    if isinstance(model, (bytes, bytearray)) or _is_flatbuffer(model):
        name, typed = open_flatbuffer(model)
        if not model_kind(typed).has_float_activations:
            return name, typed, []
    scheme = for_conversion(target.scheme(quantization))
    prepared = prepare(
        model, input_shapes, to_quantize=isinstance(scheme, Scheme), allow_code=allow_code
    )
    if not prepared.kind.has_float_activations:
        return prepared.name, prepared.model, []
    if isinstance(scheme, Scheme):
        _make_ranges_up(prepared, scheme)
        quantize(prepared.model, scheme)
        how = " with made-up ranges"
    else:
        per_channel = backend_named(target.backend).per_channel_storage
        store_weights(prepared.model, scheme, per_channel=per_channel)
        how = ""
    note = f"the model was quantised to '{scheme.name}'{how}, for this report alone"
    return prepared.name, prepared.model, [note]


def _is_flatbuffer(model: Any) -> bool:
    return isinstance(model, (str, Path)) and kind_of(Path(model)) is FileKind.TFLITE


def _make_ranges_up(prepared: Prepared, scheme: Scheme) -> None:
    """Calibrate with noise; of integers, zeros are the only ones that every embedding has."""
    values = sum(tensor.elements for tensor in prepared.model.main.inputs)
    if values > _MOST_VALUES:
        raise UnsupportedError(
            f"{prepared.name}: the inputs take {values:,} values; a float model is checked with "
            f"{_MOST_VALUES:,} at most, so give smaller input shapes, or the integer model"
        )
    chosen = np.random.default_rng(0)
    data = [
        chosen.random((_SAMPLES, *tensor.shape[1:]), np.float32)
        if tensor.type == TensorType.FLOAT32
        else np.zeros((_SAMPLES, *tensor.shape[1:]), tensor.type.dtype)
        for tensor in prepared.model.main.inputs
    ]
    apply_calibration(prepared, data, None, scheme, False)
