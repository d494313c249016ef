"""Progress bars, where somebody sees them: on a terminal, beside what a program prints."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")


def is_shown(progress: bool | None) -> bool:
    """Whether to show bars: what was asked for, or whether the standard error is a terminal."""
    if progress is not None:
        return progress
    return sys.stderr is not None and sys.stderr.isatty()  # which programs without a console lack


def tracked(
    items: Iterable[Item], title: str, shown: bool, total: float | None = None
) -> Iterable[Item]:
    """The items, with a bar on the standard error if one is wanted.

    Args:
        items: to go through once.
        title: what is being done to them.
        shown: see `is_shown`.
        total: how many there are, where `items` does not know.
    """
    return _with_bar(items, title, total) if shown else items


def _with_bar(items: Iterable[Item], title: str, total: float | None) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import track

    console: Any = Console(stderr=True)
    yield from track(items, title, total=total, console=console)
