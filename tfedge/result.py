"""Results that show themselves: printed, on the prompt, and in a notebook."""

from __future__ import annotations

import html
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tfedge.terminal_text import readable, readable_lines

if TYPE_CHECKING:
    from rich.table import Table

# Characters of a line of text that holds a table.
_WIDTH = 120
_BOX = "white-space: pre; overflow-x: auto; font-family: monospace; line-height: 1.3"


class Result:
    """A result with text for people, one line on the prompt, and a page in a notebook.

    Subclasses say what it is in `headline` and `sections`; dataclasses among them leave out their
    own `repr`. Whatever names of strangers are in there, it stays text.
    """

    def headline(self) -> str:
        """Say in some words what the result is and how it turned out."""
        raise NotImplementedError

    def sections(self) -> Iterable[str | Table]:
        """Everything that is worth reading: texts of a line or several, and rich's tables."""
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n".join(map(_as_text, self.sections()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {readable(self.headline())}>"

    def _repr_html_(self) -> str:
        """The same for notebooks, which look for this name."""
        return f"<div>{''.join(map(_as_html, self.sections()))}</div>"


def _as_text(section: str | Table) -> str:
    if isinstance(section, str):
        return readable_lines(section)
    from rich.console import Console

    page = io.StringIO()
    console = Console(file=page, width=_WIDTH, highlight=False, markup=False, emoji=False)
    console.print(section)
    lines = [line.rstrip() for line in page.getvalue().splitlines()]
    return "\n".join(lines).strip("\n")


def _as_html(section: str | Table) -> str:
    if isinstance(section, str):
        return f'<div style="{_BOX}">{_escaped(section)}</div>'
    columns = section.columns
    aligned = [f' style="text-align: {column.justify}"' for column in columns]
    names = (_element("th", column.header, style) for column, style in _with(columns, aligned))
    lines = zip(*(column.cells for column in columns), strict=True)
    body = (
        "".join(_element("td", cell, style) for cell, style in _with(line, aligned))
        for line in lines
    )
    above = " ".join(str(text) for text in (section.title, section.caption) if text)
    caption = _element("caption", above) if above else ""
    rows = "".join(f"<tr>{row}</tr>" for row in body)
    return f"<table>{caption}<thead><tr>{''.join(names)}</tr></thead><tbody>{rows}</tbody></table>"


def _with(items: Iterable[Any], styles: list[str]) -> Iterable[tuple[Any, str]]:
    return zip(items, styles, strict=True)


def _element(name: str, content: Any, style: str = "") -> str:
    """Write one cell of a table, which is a string or rich's text."""
    return f"<{name}{style}>{_escaped(str(content))}</{name}>"


def _escaped(text: str) -> str:
    return html.escape(readable_lines(text))
