"""Files: input with clear errors, output that appears whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from tfedge.errors import TfedgeError


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        TfedgeError: it is missing or may not be read.
    """
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise TfedgeError(f"{path}: cannot be read: {reason_of(error)}") from error


def reason_of(error: Exception) -> str:
    """Why the system refused a file: in its words, without the path that messages begin with."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error)


def check_readable(path: Path) -> None:
    """Refuses what cannot be opened for reading.

    Raises:
        TfedgeError: it is missing, a folder, or may not be read.
    """
    try:
        path.open("rb").close()
    except (OSError, ValueError) as error:
        raise TfedgeError(f"{path}: cannot be read: {reason_of(error)}") from error


def check_writable(folder: Path) -> None:
    """Refuses a folder that files could not be written into; makes nothing.

    Raises:
        TfedgeError: it, or what is above it, is no folder or may not be written to.
    """
    above = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    try:
        if not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "")
        if not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "")
    except OSError as error:
        raise TfedgeError(f"{folder}: cannot be written: {reason_of(error)}") from None


def write_atomically(path: Path, content: bytes | str) -> None:
    """Writes beside `path`, then renames; on failure nothing of it is left.

    Raises:
        TfedgeError: the disk is full, the folder is missing or may not be written to.
    """
    write_files_atomically(path.parent, {path.name: content})


def write_files_atomically(folder: Path, files: Mapping[str, bytes | str]) -> None:
    """Writes all files beside their destinations, then renames them; makes the folder.

    Text is written as UTF-8 with line feeds on every host, so that output is the same
    byte for byte everywhere.

    Raises:
        TfedgeError: the disk is full, or the folder cannot be made or written to. No file of
            `files` has changed then.
    """
    mark = secrets.token_hex(4)
    beside = {name: folder / f".{name}.{mark}" for name in files}
    place = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            place = folder / name
            data = content.encode("utf-8") if isinstance(content, str) else content
            beside[name].write_bytes(data)
        for name, path in beside.items():
            path.replace(folder / name)
    except OSError as error:
        raise TfedgeError(f"{place}: cannot be written: {reason_of(error)}") from error
    finally:
        for path in beside.values():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
