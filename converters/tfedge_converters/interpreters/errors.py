"""Errors of interpreters, up to the death of the processes that run them."""

from tfedge.errors import UnsupportedError


class InterpreterDiedError(UnsupportedError):
    """An interpreter ended its process over a model, took too long or too much memory.

    The message names the interpreter, and the operator where it can be found.
    """
