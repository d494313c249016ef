"""Sees that the file runs where it will be run."""

from __future__ import annotations

from tfedge_converters.conversion.state import Conversion
from tfedge_converters.verify.running import check_runs


def prove_it_runs(conversion: Conversion) -> None:
    """Loads the file and runs it once, where an interpreter will."""
    interpreter = conversion.backend.interpreter
    if interpreter is not None:
        check_runs(conversion.model, conversion.flatbuffer, interpreter)
