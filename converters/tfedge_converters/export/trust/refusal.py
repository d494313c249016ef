"""How a file is told that what it asks for does not run."""

from __future__ import annotations

from tfedge.errors import UnsupportedError
from tfedge.terminal_text import readable

_LONGEST_NAME = 200
_ALLOW = "if you trust the file, allow it with allow_code=True (--allow-code)"


class CodeRefusedError(UnsupportedError):
    """Opening a model's file would run code that the file brings or asks for."""


def printable(text: str, longest: int = _LONGEST_NAME) -> str:
    """A name out of a file as a message may have it: of one line, without controls, and short."""
    shown = readable(text)
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def runs_code(who: str, what: str) -> CodeRefusedError:
    """The refusal of what would run.

    Args:
        who: the layer, node or function, and where it stands.
        what: why opening it runs code, from its verb on.
    """
    return CodeRefusedError(f"{printable(who)} {printable(what)}; {_ALLOW}")


def is_foreign(who: str, name: str, *, importable: bool) -> CodeRefusedError:
    """The refusal of a class or function that is neither Keras' own nor registered here.

    Args:
        who: the layer, and where it stands.
        name: the class or function, as the file has it.
        importable: whether the file names the module that it is in.
    """
    message = (
        f"{printable(who)} uses '{printable(name)}', which is none of the classes and functions "
        "that Keras makes models of; import the module that registers it with "
        "keras.saving.register_keras_serializable, or open the file with custom_objects yourself "
        "and hand over the model"
    )
    return CodeRefusedError(f"{message}; or, {_ALLOW}" if importable else message)
