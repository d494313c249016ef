"""Files of users: what cannot be read, or will not be writable, is said in one sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from tfedge.errors import TfedgeError

# What comes of reading a document as if it had the form that it should have.
MALFORMED = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
)


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
    """Refuse what cannot be opened for reading.

    Raises:
        TfedgeError: it is missing, a folder, or may not be read.
    """
    try:
        path.open("rb").close()
    except (OSError, ValueError) as error:
        raise TfedgeError(f"{path}: cannot be read: {reason_of(error)}") from error


def output_folder(given: str | Path) -> Path:
    """A folder to write into, which may be made yet.

    Raises:
        TfedgeError: it has no name, or files could not be written into it.
    """
    return _writable(Path(_named(given)))


def output_file(given: str | Path) -> Path:
    """A file to write.

    Raises:
        TfedgeError: it has no name, is a folder, or could not be written into its own.
    """
    path = Path(_named(given))
    if path.is_dir():
        raise TfedgeError(f"{given}: cannot be written: it is a folder; name a file in it")
    _writable(path.parent)
    return path


def _named(given: str | Path) -> str | Path:
    """The empty path would mean the current folder."""
    if isinstance(given, str) and not given.strip():
        raise TfedgeError("the path to write to is empty; '.' is the current folder")
    return given


def _writable(folder: Path) -> Path:
    try:
        above = next((path for path in (folder, *folder.parents) if path.exists()), folder)
        if not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "")
        if not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "")
    except (OSError, ValueError) as error:
        raise TfedgeError(f"{folder}: cannot be written: {reason_of(error)}") from None
    return folder
