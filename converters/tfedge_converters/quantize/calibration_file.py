"""A calibration on disk: an .npz file of numbers, and a line of JSON that says what they are."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.files import read_bytes, write_atomically
from tfedge.json_form import Form

_HEADER = "tfedge_calibration"
_VERSION = 1

_FORM = Form(
    {
        "type": "object",
        "description": "an object",
        "properties": {
            "version": {"type": "integer", "enum": [_VERSION]},
            "method": {"type": "string", "maxLength": 200, "description": "a method's name"},
            "scheme": {"type": "object"},
            "samples": {"type": "integer", "minimum": 0, "description": "a number of samples"},
            "digest": {"type": "string", "maxLength": 200, "description": "a digest"},
        },
        "required": ["version", "method", "scheme", "samples", "digest"],
        "additionalProperties": False,
    }
)


@dataclass(frozen=True)
class Record:
    """What a file holds.

    Attributes:
        method: the name of the observers' kind.
        scheme: a scheme's configuration.
        samples: how many were seen.
        digest: of the model.
        states: what each observer remembers, by its tensor's place in the graph.
    """

    method: str
    scheme: dict[str, Any]
    samples: int
    digest: str
    states: dict[int, dict[str, np.ndarray]]


def write_record(path: Path, record: Record) -> None:
    """Writes a file; it is whole or not there.

    Raises:
        TfedgeError: it cannot be written.
    """
    header = {
        "version": _VERSION, "method": record.method, "scheme": record.scheme,
        "samples": record.samples, "digest": record.digest,
    }  # fmt: skip
    arrays: dict[str, Any] = {
        f"{place}/{name}": value
        for place, state in record.states.items()
        for name, value in state.items()
    }
    content = io.BytesIO()
    arrays[_HEADER] = np.array(json.dumps(header))
    np.savez_compressed(content, **arrays)
    write_atomically(path, content.getvalue())


def is_record(path: Path) -> bool:
    """Whether a file is a calibration, rather than data to calibrate with."""
    try:
        with zipfile.ZipFile(path) as archive:
            return f"{_HEADER}.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def read_record(path: Path) -> Record:
    """Reads a file.

    Raises:
        TfedgeError: it cannot be read, or is no calibration of this version.
    """
    data = read_bytes(path)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            header = _FORM.parsed(str(archive[_HEADER]), f"{path}: its header")
            states: dict[int, dict[str, np.ndarray]] = {}
            for key in archive.files:
                if key != _HEADER:
                    place, name = key.split("/")
                    states.setdefault(int(place), {})[name] = archive[key]
            return Record(
                header["method"], header["scheme"], header["samples"], header["digest"], states
            )
    except (
        AttributeError, EOFError, KeyError, OSError, TypeError, ValueError, zipfile.BadZipFile,
        zlib.error,
    ) as error:  # fmt: skip
        raise TfedgeError(
            f"{path}: cannot be read as a calibration, as 'tfedge calibrate' writes it: {error}"
        ) from error
