"""Interpreters written in C++, run where they cannot end the user's process."""

from tfedge_converters.interpreters.errors import InterpreterDiedError
from tfedge_converters.interpreters.interpreter import (
    LITERT,
    LITERT_PLAIN,
    LITERT_REFERENCE,
    MICRO,
    Interpreter,
    Outputs,
    Sample,
    opened,
    run_model,
)
from tfedge_converters.worker.session import Session

__all__ = [
    "LITERT",
    "LITERT_PLAIN",
    "LITERT_REFERENCE",
    "MICRO",
    "Interpreter",
    "InterpreterDiedError",
    "Outputs",
    "Sample",
    "Session",
    "opened",
    "run_model",
]
