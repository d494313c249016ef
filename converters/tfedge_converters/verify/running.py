"""Whether what runs a converted file can run it at all."""

from __future__ import annotations

from tfedge.errors import MissingToolError, UnsupportedError
from tfedge_converters.graph import Model
from tfedge_converters.interpreters import LITERT, MICRO, run_model
from tfedge_converters.verify.samples import defined_sample

# What a target's file is for, by the code that the target has. Generated C needs no interpreter.
_INTERPRETERS = {"none": LITERT, "tflite-micro": MICRO}


def check_runs(model: Model, flatbuffer: bytes, code: str) -> None:
    """Loads a converted file where it will be loaded, and runs it once.

    Args:
        model: the graph.
        flatbuffer: its file.
        code: of the target, see `Target.code`.

    Raises:
        UnsupportedError: the interpreter refuses it or dies of it; the message names the operator
            if it can be found.
    """
    if code not in _INTERPRETERS:
        return
    sample = defined_sample(model.main)
    try:
        run_model(_INTERPRETERS[code], model, flatbuffer, [sample], what="the converted model")
    except MissingToolError:
        return
    except UnsupportedError as error:
        raise UnsupportedError(
            f"{error}; nothing is written, for no device could run it"
        ) from error
