"""Trial run of the file in the interpreter that it is for."""

from __future__ import annotations

from tfedge_converters.conversion.state import Conversion
from tfedge_converters.verify.running import check_runs


def try_run(conversion: Conversion) -> None:
    """Load the file and run it once, where an interpreter will."""
    interpreter = conversion.backend.interpreter
    if interpreter is not None:
        check_runs(conversion.model, conversion.flatbuffer, interpreter)
