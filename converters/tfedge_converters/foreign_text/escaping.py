"""Names of tensors, layers, files and targets as text that is nothing but text.

Whoever wrote a model or a target file chose these names. What is not on a list of harmless
characters is replaced, whatever the file's language: nobody has to know how C, CMake or a shell
could be left.
"""

from __future__ import annotations

import re

# None of them ends a comment or a string of C or CMake, begins a trigraph, a line splice, a format,
# a variable or a statement.
_NOT_HARMLESS = re.compile(r"[^A-Za-z0-9_ .,:/'+=-]")

# C99 (5.2.4.1) promises 4,095 characters for a line and for a string.
_LONGEST = 400

# What spreadsheets take for the beginning of a formula.
_FORMULA = tuple("=+-@\t\r")


class Code(str):
    """Text of a generated file that tfedge made of numbers and of names of its own.

    Templates write it as it is; any other string, they write as `plain` text.
    """

    __slots__ = ()


def plain(text: str) -> str:
    """Text for comments and strings of any language: what is not harmless is an underscore."""
    kept = _NOT_HARMLESS.sub("_", text[: _LONGEST + 1])
    return kept if len(kept) <= _LONGEST else f"{kept[:_LONGEST]}..."


def csv_cell(text: str) -> str:
    """Text for a table: a spreadsheet takes it for text, however it begins."""
    return f"'{text}" if text.startswith(_FORMULA) else text
