"""The one exception type that tfedge raises for a user's mistake."""

import re

from tfedge.terminal_text import readable

# What Keras makes of a message that is raised within a layer: bold type, and lines of its own.
_STYLE, _LINE_END = re.compile(r"\x1b\[[0-9;]*m"), re.compile(r"\s*[\r\n]\s*")


class TfedgeError(Exception):
    """Bad input, an unsupported model or a missing tool.

    The message says what is wrong, where, and how to fix it. It is one line, whatever names of
    strangers are in it: what cannot be printed is a question mark. The command line prints it;
    nothing half-written is left behind when it is raised.
    """

    def __str__(self) -> str:
        return readable(_LINE_END.sub(" ", _STYLE.sub("", super().__str__())))


class ModelFileError(TfedgeError):
    """A file is not a model that tfedge can read (truncated, hostile, of another kind)."""


class UnsupportedError(TfedgeError):
    """A layer, operator, type or shape that the chosen way out cannot express."""


class MissingToolError(TfedgeError):
    """An external program or optional package is not installed; the message says how to get it."""


class DifferenceError(TfedgeError):
    """A changed model does not compute what its original computes."""


class QualityError(TfedgeError):
    """A conversion loses more than was allowed, or its data look wrong, and `strict` was asked."""
