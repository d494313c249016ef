"""Whether what runs a converted file can run it at all."""

from __future__ import annotations

from tfedge.errors import MissingToolError, UnsupportedError
from tfedge_converters.graph import Model
from tfedge_converters.interpreters import Interpreter, run_model
from tfedge_converters.verify.samples import defined_sample


def check_runs(model: Model, flatbuffer: bytes, interpreter: Interpreter) -> None:
    """Load a converted file where it will be loaded, and run it once.

    Args:
        model: the graph.
        flatbuffer: its file.
        interpreter: what it is for.

    Raises:
        UnsupportedError: the interpreter refuses it or dies of it; the message names the operator
            if it can be found.
    """
    sample = defined_sample(model.main)
    try:
        run_model(interpreter, model, flatbuffer, [sample], what="the converted model")
    except MissingToolError:
        return
    except UnsupportedError as error:
        raise UnsupportedError(
            f"{error}; nothing is written, for no device could run it"
        ) from error
