"""The one exception type that tfedge raises for a user's mistake."""


class TfedgeError(Exception):
    """Bad input, an unsupported model or a missing tool.

    The message says what is wrong, where, and how to fix it. The command line
    prints it as one line; nothing half-written is left behind when it is raised.
    """


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
