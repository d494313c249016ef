"""Suggestions for words that are none of those that are known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


def near(given: Any, known: Iterable[str]) -> str:
    """A question for the end of a message: `; did you mean 'magnitude'?`.

    Args:
        given: what was asked for; only words are compared, without regard to capitals.
        known: what there is.

    Returns:
        The question; empty where nothing is similar.
    """
    if not isinstance(given, str):
        return ""
    names = {name.lower(): name for name in known}
    close = get_close_matches(given.lower(), names, 1)
    return f"; did you mean '{names[close[0]]}'?" if close else ""
