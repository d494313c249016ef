"""SavedModel folders, opened by a worker before they are opened here."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tfedge_converters.export.trust.apart import read_apart
from tfedge_converters.worker.failures import RefusalError
from tfedge_converters.worker.limits import Limits, limits

# TensorFlow opens graphs ten times as fast.
_LEAST_SECONDS = 5.0
_BYTES_A_SECOND = 100_000
# And takes less: a gibibyte and so many times what is stored, where a worker has what it has by
# default.
_LEAST_PART, _TIMES_STORED = 0.25, 8


def check_saved_model(folder: Path) -> None:
    """Refuse a SavedModel that ends TensorFlow's process, keeps it busy for ever or fills memory.

    Args:
        folder: whose operators are known to reach nothing but memory (`check_graphs`).

    Raises:
        ModelFileError: says what became of the process.
    """
    seconds = _LEAST_SECONDS + (folder / "saved_model.pb").stat().st_size / _BYTES_A_SECOND
    stored = sum(part.stat().st_size for part in folder.rglob("*") if part.is_file())
    share = _LEAST_PART + _TIMES_STORED * stored / Limits().memory_bytes
    request = {
        "do": "saved_model",
        "path": str(folder.absolute()),
        "memory_bytes": int(share * limits().memory_bytes),
    }
    with suppress(RefusalError):  # whoever opens it hears the same
        read_apart("TensorFlow", request, seconds)
