"""Stage in which the target's back end makes its files."""

from __future__ import annotations

from tfedge_converters.conversion.state import Conversion


def emit_files(conversion: Conversion) -> None:
    """Make what lies beside the .tflite file."""
    conversion.emission = conversion.backend.emit(conversion)
