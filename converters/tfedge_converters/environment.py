"""Variables of the environment with which users set limits."""

from __future__ import annotations

import os

from tfedge.errors import TfedgeError


def positive_number(variable: str, default: float) -> float:
    """Read a positive number from a variable, or return the default.

    Raises:
        TfedgeError: it is no positive whole number.
    """
    text = os.environ.get(variable, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1_000_000):
        raise TfedgeError(f"{variable} is '{text}', which is no positive whole number")
    return int(text)
