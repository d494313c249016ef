"""Names of files, CMake targets and C symbols, from whatever a model or its tensors are called.

C99 (5.2.4.1) promises that compilers tell external symbols apart by their first 31 characters, and
others by 63. What is made here is unique within that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from itertools import count

from tfedge.errors import TfedgeError
from tfedge.terminal_text import readable
from tfedge_converters.foreign_text.reserved import RESERVED, RESERVED_PREFIX

_EXTERNAL = 31

# With "_c" and the number of a constant behind it, an external symbol.
_LONGEST_MODEL = 24
# With a model's name and "_OUTPUT_" in front, a macro.
_LONGEST_TENSOR = 31

# C++ reserves names with two underscores in a row.
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SHOWN = 60


def model_name(text: str) -> str:
    """The name of a model's files and the beginning of its symbols.

    Args:
        text: what the model or its file is called.

    Returns:
        What `check_model_name` takes: `text` itself if it does, else something that resembles it.
        Long texts that begin alike have different names.
    """
    name = _folded(text) or "model"
    if not name[0].isalpha() or name in RESERVED or name.startswith(RESERVED_PREFIX):
        name = f"model_{name}"
    if len(name) <= _LONGEST_MODEL:
        return name
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:4]
    return f"{name[: _LONGEST_MODEL - 5].rstrip('_')}_{mark}"


def check_model_name(name: str) -> str:
    """Refuse what cannot name a model's files, CMake target and symbols.

    Raises:
        TfedgeError: says why, and what would do.
    """
    problem = _problem(name)
    if problem:
        shown = readable(name[:_SHOWN])
        raise TfedgeError(
            f"the name '{shown}' cannot prefix C symbols: {problem}; use e.g. '{model_name(name)}'"
        )
    return name


def _problem(name: str) -> str:
    if not _IDENTIFIER.fullmatch(name):
        return "it takes lower-case letters, digits and single underscores, a letter first"
    if len(name) > _LONGEST_MODEL:
        return (
            f"it has {len(name)} characters, and with more than {_LONGEST_MODEL} symbols would be "
            "alike for compilers that look at the first 31"
        )
    if name in RESERVED:
        return f"it is {RESERVED[name]}"
    if name.startswith(RESERVED_PREFIX):
        return f"what begins with {RESERVED_PREFIX} is the C runtime's"
    return ""


def tensor_names(texts: Iterable[str]) -> list[str]:
    """Identifiers for a model's inputs, or its outputs: numbered where they would be the same."""
    result: dict[str, None] = {}
    for position, text in enumerate(texts):
        name = _folded(text) or "tensor"
        name = name if name[0].isalpha() else f"tensor_{name}"
        name = name[:_LONGEST_TENSOR].rstrip("_")
        numbered = (f"{name[: _LONGEST_TENSOR - 10]}_{number}" for number in count(position))
        result[name if name not in result else next(n for n in numbered if n not in result)] = None
    return list(result)


class ExternalSymbols:
    """Symbols that differ from each other where compilers look."""

    def __init__(self, model: str):
        self._model = model
        self._beginnings: set[str] = set()

    def named(self, symbol: str) -> str:
        """The symbol itself, which begins with the model's name; numbered, or a short one."""
        numbered = (f"{symbol}_{number}" for number in range(2, 10))
        short = f"{self._model}_c{len(self._beginnings)}"
        chosen = next(
            name for name in (symbol, *numbered, short) if name[:_EXTERNAL] not in self._beginnings
        )
        self._beginnings.add(chosen[:_EXTERNAL])
        return chosen


def _folded(text: str) -> str:
    """Lower-case letters, digits and single underscores between them."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
