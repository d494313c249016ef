"""A calibration on disk: an .npz file of numbers, and a line of JSON that says what they are."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.array_files import arrays_in, digest_of
from tfedge.atomic_writing import write_atomically
from tfedge.errors import TfedgeError
from tfedge.files import MALFORMED
from tfedge.json_form import Form

_HEADER = "tfedge_calibration"
_VERSION = 2
_FORM = "a calibration, as 'tfedge calibrate' writes it"

_HEADER_FORM = Form(
    {
        "type": "object",
        "description": "an object",
        "properties": {
            "version": {"type": "integer", "enum": [_VERSION]},
            "method": {"type": "string", "maxLength": 200, "description": "a method's name"},
            "scheme": {"type": "object"},
            "samples": {"type": "integer", "minimum": 0, "description": "a number of samples"},
            "digest": {"type": "string", "maxLength": 200, "description": "a digest"},
            "content": {"type": "string", "maxLength": 200, "description": "a digest"},
        },
        "required": ["version", "method", "scheme", "samples", "digest", "content"],
        "additionalProperties": False,
    }
)


@dataclass(frozen=True)
class Record:
    """Content of a calibration's file.

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
    """Write a file; it is whole or not there.

    Raises:
        TfedgeError: it cannot be written.
    """
    arrays: dict[str, Any] = {
        f"{place}/{name}": np.asarray(value)
        for place, state in record.states.items()
        for name, value in state.items()
    }
    header = {
        "version": _VERSION, "method": record.method, "scheme": record.scheme,
        "samples": record.samples, "digest": record.digest, "content": digest_of(arrays),
    }  # fmt: skip
    content = io.BytesIO()
    arrays[_HEADER] = np.array(json.dumps(header))
    np.savez_compressed(content, **arrays)
    write_atomically(path, content.getvalue())


def is_record(path: Path) -> bool:
    """Whether a file is a calibration, rather than data to calibrate with."""
    try:
        with zipfile.ZipFile(path) as archive:
            return f"{_HEADER}.npy" in archive.namelist()
    except (OSError, NotImplementedError, ValueError, zipfile.BadZipFile):
        return False


def read_record(path: Path) -> Record:
    """Read a file.

    Raises:
        TfedgeError: it cannot be read, or is no calibration of this version.
    """
    with arrays_in(path, _FORM) as arrays:
        found = {key: arrays[key] for key in arrays}
    try:
        header = _HEADER_FORM.parsed(str(found.pop(_HEADER)), f"{path}: its header")
        if header["content"] != digest_of(found):
            raise ValueError("its numbers are not those that were written")
        states: dict[int, dict[str, np.ndarray]] = {}
        for key, array in found.items():
            place, name = key.split("/")
            states.setdefault(int(place), {})[name] = array
        return Record(
            header["method"], header["scheme"], header["samples"], header["digest"], states
        )
    except MALFORMED as error:
        raise TfedgeError(f"{path}: cannot be read as {_FORM}: {error}") from error
