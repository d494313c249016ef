"""SavedModel folders without Keras' description of layers, as functions of tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfedge.errors import ModelFileError
from tfedge_converters.export.entry import Argument, Entry, has_open_batch
from tfedge_converters.input_shapes import InputShapes, InputSpec, reshaped

_SIGNATURE = "serving_default"


@dataclass(frozen=True)
class SavedFunction:
    """The function that a SavedModel serves.

    Attributes:
        name: of its folder.
        function: TensorFlow's signature.
        owner: keeps its variables alive.
    """

    name: str
    function: Any = field(repr=False)
    owner: Any = field(repr=False)

    def __call__(self, inputs: dict[str, Any], *, training: bool = False) -> dict[str, Any]:
        """Its outputs by name. It was saved for inference."""
        results: dict[str, Any] = self.function(**inputs)
        return results


def load_function(path: Path) -> SavedFunction:
    """Open a SavedModel folder.

    Raises:
        ModelFileError: it has no signature called serving_default.
    """
    loaded = tf.saved_model.load(str(path))
    if _SIGNATURE not in loaded.signatures:
        known = ", ".join(loaded.signatures) or "none"
        raise ModelFileError(
            f"{path}: a SavedModel without the signature {_SIGNATURE} (it has {known}); save it "
            "with model.export(), or name the function to serve in tf.saved_model.save"
        )
    return SavedFunction(path.resolve().name, loaded.signatures[_SIGNATURE], loaded)


@contextmanager
def saved_function_entry(model: SavedFunction, input_shapes: InputShapes) -> Iterator[Entry]:
    """The function, at batch 1.

    Raises:
        TfedgeError: a shape is open.
    """
    _, keywords = model.function.structured_input_signature
    declared = {
        name: InputSpec(tuple(spec.shape[1:]), spec.dtype.name)
        for name, spec in sorted(keywords.items())  # as the leaves of a dict are
    }
    inputs = reshaped(declared, input_shapes)
    structure = dict.fromkeys(inputs, 0)
    arguments = [Argument(None, structure)]
    yield Entry(model, inputs, arguments, open_batch=has_open_batch(keywords.values()))
