"""SavedModel folders, opened by a worker before they are opened here."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tfedge_converters.export.trust.apart import read_apart
from tfedge_converters.worker.failures import RefusalError

# TensorFlow opens graphs ten times as fast.
_LEAST_SECONDS = 5.0
_BYTES_A_SECOND = 100_000


def check_saved_model(folder: Path) -> None:
    """Refuse a SavedModel that ends TensorFlow's process, or keeps it busy for ever.

    Args:
        folder: whose operators are known to reach nothing but memory (`check_graphs`).

    Raises:
        ModelFileError: says what became of the process.
    """
    size = (folder / "saved_model.pb").stat().st_size
    request = {"do": "saved_model", "path": str(folder.absolute())}
    with suppress(RefusalError):  # whoever opens it hears the same
        read_apart("TensorFlow", request, _LEAST_SECONDS + size / _BYTES_A_SECOND)
