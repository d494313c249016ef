"""`tfedge.check`: what an accelerator will compute of a model, why not the rest, and what helps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import Scheme, for_conversion
from tfedge_converters import targets
from tfedge_converters.accelerators.fitting import fit
from tfedge_converters.accelerators.mapping import map_graph
from tfedge_converters.accelerators.memory import memory_use
from tfedge_converters.accelerators.remedies import plan, remedies
from tfedge_converters.artifact import Artifact
from tfedge_converters.backends import backend_named
from tfedge_converters.calibrate_model import apply_calibration
from tfedge_converters.check.report import CheckReport
from tfedge_converters.file_kinds import FileKind, kind_of
from tfedge_converters.graph import Graph, Model, TensorType
from tfedge_converters.graph.kind import model_kind
from tfedge_converters.preparation import Prepared, open_flatbuffer, prepare
from tfedge_converters.ptq import quantize
from tfedge_converters.ptq.storage import store_weights
from tfedge_converters.targets import Target

__all__ = ["CheckReport", "check"]

_SAMPLES = 2


def check(
    model: Any,
    *,
    target: str = "edgetpu",
    input_shapes: Any = None,
    rewrite: bool = False,
    allow_code: bool = False,
) -> CheckReport:
    """Predict what an accelerator computes of a model; need none of its vendor's tools.

    Args:
        model: an integer .tflite file (its path or bytes), which is checked as it is; a float
            model, as for `convert`, which is quantised for that with made-up ranges, on which
            nothing depends here; or what `convert` returned.
        target: a target with an accelerator, or the path of a target file.
        input_shapes: shapes without the batch, where a Keras model leaves sizes open.
        rewrite: whether exact changes that help are made first, as `convert` makes them.
        allow_code: whether code may run that the model's file brings or asks for, such as Lambda
            layers; only for files that you trust (docs/security.md).

    Returns:
        The report.

    Raises:
        ModelFileError: a file is not a model.
        UnsupportedError: a layer cannot be expressed in TFLite, or not quantised.
        TfedgeError: the target has no accelerator.
    """
    chosen = targets.load(target)
    if chosen.accelerator is None:
        raise TfedgeError(f"{chosen.name} has no accelerator; try {' or '.join(_accelerated())}")
    name, typed, notes = _opened(model, chosen, input_shapes, allow_code)
    if rewrite:
        fit(typed, chosen.accelerator)
    mapping = map_graph(typed.main, chosen.accelerator)
    found = remedies(mapping)
    steps, end = plan(mapping)
    return CheckReport(
        name=name,
        target=chosen.name,
        model=typed,
        mapping=mapping,
        memory=memory_use(mapping),
        remedies=tuple(found),
        steps=tuple(steps),
        end=end,
        notes=(*notes, *_notes(typed.main, chosen)),
    )


def _accelerated() -> list[str]:
    return [name for name in targets.names() if targets.load(name).accelerator is not None]


def _opened(
    model: Any, target: Target, input_shapes: Any, allow_code: bool
) -> tuple[str, Model, list[str]]:
    """Open a model: its name, its graph as the accelerator will see it, and notes on it."""
    if isinstance(model, Artifact):
        return model.name, model.model, []
    if isinstance(model, (bytes, bytearray)) or _is_flatbuffer(model):
        name, typed = open_flatbuffer(model)
        if not model_kind(typed).has_float_activations:
            return name, typed, []
    scheme = for_conversion(target.scheme(None))
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
    chosen = np.random.default_rng(0)
    data = [
        chosen.random((_SAMPLES, *tensor.shape[1:]), np.float32)
        if tensor.type == TensorType.FLOAT32
        else np.zeros((_SAMPLES, *tensor.shape[1:]), tensor.type.dtype)
        for tensor in prepared.model.main.inputs
    ]
    apply_calibration(prepared, data, None, scheme, False)


def _notes(graph: Graph, target: Target) -> list[str]:
    accelerator = target.accelerator
    notes = []
    if accelerator is not None and accelerator.fixed_shapes:
        opened = [t.name for t in graph.inputs if min(t.shape_signature or (0,)) < 0]
        if opened:
            notes.append(
                f"input '{opened[0]}' leaves sizes open (batch): write the file with fixed ones "
                f"(tfedge convert --target {target.name})"
            )
    return notes
