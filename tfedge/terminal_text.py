"""Names that strangers chose, as text for a terminal."""

from __future__ import annotations

from typing import Any


def readable(text: str) -> str:
    """The text on one line.

    What moves a cursor, turns the direction of writing or cannot be encoded is a question mark.
    """
    return "".join(character if character.isprintable() else "?" for character in text)


def readable_lines(text: str) -> str:
    """The text, each line of it `readable`."""
    return "\n".join(map(readable, text.splitlines()))


def cells(*texts: str) -> tuple[Any, ...]:
    """Cells for a rich table: what looks like rich's markup in them is text as well."""
    from rich.text import Text

    return tuple(Text(readable(text)) for text in texts)
