"""The one exception type that tfedge raises for a user's mistake."""

import re

from tfedge.terminal_text import readable

# Keras puts this around what a layer raises, once for every layer that it is in; the innermost text
# in bold is the error's own.
_BY_KERAS = "Exception encountered when calling "
_OWN_WORDS = re.compile(rf"\x1b\[1m(?!{_BY_KERAS})(.*?)\x1b\[0m", re.DOTALL)


class TfedgeError(Exception):
    """Bad input, an unsupported model or a missing tool.

    The message says what is wrong, where, and how to fix it. It is one line, whatever names of
    strangers are in it: what cannot be printed is a question mark. The command line prints it;
    nothing half-written is left behind when it is raised.
    """

    def __str__(self) -> str:
        text = super().__str__()
        own = _OWN_WORDS.search(text) if text.startswith(_BY_KERAS) else None
        return readable(own[1] if own else text)


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
