"""From whatever a user has to the typed graph that is quantised, or that is integer already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import Scheme
from tfedge_converters.graph import Model, read_model
from tfedge_converters.graph.kind import ModelKind, model_kind
from tfedge_converters.graph.model_file import ModelFile
from tfedge_converters.open_inputs import fix_inputs
from tfedge_converters.ptq.precision import real_graph
from tfedge_converters.simplification import simplify, write_for_quantiser
from tfedge_converters.sources import source_of
from tfedge_converters.useless_models import refuse_compiled, refuse_useless

if TYPE_CHECKING:
    from tfedge_converters.export.entry import Entry


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model before it is quantised.

    Attributes:
        file: the typed graph, and its file; as it was, if no pass changed it.
        name: what the model is called.
        kind: what it computes with. What has float activations alone is to be quantised or stored;
            anything else, and what is quantised in part, is taken as it is.
        input_scales: of a Keras model, see `export.input_scales`.
        scheme: that the model was trained for; None if it was not, or if its file does not say.
        entry: a call of what the file was exported from; None of other models, and of trained ones.
    """

    file: ModelFile
    name: str
    kind: ModelKind
    input_scales: Mapping[int, float] = field(default_factory=dict)
    scheme: Scheme | None = None
    entry: Entry | None = None

    @property
    def model(self) -> Model:
        """The typed graph."""
        return self.file.model

    def require_float(self, advice: str) -> None:
        """Refuse a model that is not to be quantised.

        Args:
            advice: what to do with a float model, for the message.

        Raises:
            TfedgeError: it computes with integers throughout.
            UnsupportedError: it is a mixture, or the quantiser does not take it.
        """
        if self.kind is ModelKind.INTEGER:
            raise TfedgeError(f"{self.name} computes with integers already; {advice}")
        real_graph(self.model)


def prepare(
    model: Any, input_shapes: Any = None, *, to_quantize: bool = True, allow_code: bool = False
) -> Prepared:
    """Open a model and simplify it.

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
    source = source_of(model, input_shapes, allow_code=allow_code)
    typed = read_model(source.flatbuffer, source=source.name)
    refuse_useless(typed, source.name)
    # What tfmot has trained rounds to grids, which the passes take for what they are.
    rounds = any(op.code == "QUANTIZE" for graph in typed.graphs for op in graph.operators)
    file = ModelFile(typed, None if typed.was_compressed else source.flatbuffer)
    file.change(lambda model: fix_inputs(model, source.input_shapes))
    file.change(lambda model: simplify(model, source.shared_kernels))
    kind = model_kind(typed)
    if kind.has_float_activations and to_quantize:
        file.change(write_for_quantiser)
    entry = None if rounds else source.entry
    return Prepared(file, source.name, kind, source.input_scales, source.scheme, entry)


def open_flatbuffer(model: str | Path | bytes | bytearray) -> tuple[str, Model]:
    """Read a .tflite file: its name, and its graph as the file has it.

    Args:
        model: the file's path or bytes.

    Raises:
        TfedgeError: the file cannot be opened.
        ModelFileError: it is no model.
        UnsupportedError: it was compiled for an accelerator already.
    """
    source = source_of(model)
    typed = read_model(source.flatbuffer, source=source.name)
    refuse_compiled(typed, source.name)
    return source.name, typed
