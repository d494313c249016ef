"""Files of users: what cannot be read, or will not be writable, is said in one sentence."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tfedge.errors import TfedgeError

# What comes of reading a document as if it had the form that it should have.
MALFORMED = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
)

# Neither a flatbuffer nor a message of protobuf is larger.
_MOST_BYTES = 1 << 31


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        TfedgeError: it is missing, may not be read, or is larger than 2 GiB.
    """
    try:
        with open_file(path) as file:
            if path.stat().st_size > _MOST_BYTES:
                raise OSError("it is larger than 2 GiB")
            return file.read()
    except (OSError, ValueError) as error:
        raise TfedgeError(f"{path}: cannot be read: {reason_of(error)}") from error


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading; a pipe would be waited for, and a device never ends.

    Raises:
        OSError: it is missing, may not be read, or is no file.
        ValueError: it is no path.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError("it is no file")
    return path.open("rb")


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
        open_file(path).close()
    except (OSError, ValueError) as error:
        raise TfedgeError(f"{path}: cannot be read: {reason_of(error)}") from error


def output_folder(given: str | Path) -> Path:
    """A folder to write into, which may be made yet.

    Raises:
        TfedgeError: it has no name, or files could not be written into it.
    """
    return _writable(Path(_named(given)))


def output_file(given: str | Path, *sources: str | Path | None) -> Path:
    """A file to write.

    Args:
        given: its path.
        sources: what is read for it, which it may not replace.

    Raises:
        TfedgeError: it has no name, is a folder, a device or one of the sources, or could not be
            written into its folder.
    """
    path = Path(_named(given))
    if path.is_dir():
        raise TfedgeError(f"{given}: cannot be written: it is a folder; name a file in it")
    _writable(path.parent)
    if path.exists():
        if not path.is_file():
            raise TfedgeError(f"{given}: cannot be written: it is no regular file")
        if any(_is_same(path, Path(source)) for source in sources if source is not None):
            raise TfedgeError(f"{given}: what is made of it would replace it; name another")
    return path


def _is_there(path: Path) -> bool:
    """Whether something is at a path, if only a link that leads nowhere.

    Raises:
        OSError: nothing can be, as where the name is too long.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        os.lstat(path)
        return True
    return False


def _is_same(path: Path, source: Path) -> bool:
    with suppress(OSError, ValueError):  # what cannot be read is told when it is to be
        return path.samefile(source)
    return False


def _named(given: str | Path) -> str | Path:
    """The empty path would mean the current folder."""
    if isinstance(given, str) and not given.strip():
        raise TfedgeError("the path to write to is empty; '.' is the current folder")
    return given


def _writable(folder: Path) -> Path:
    try:
        above = next((path for path in (folder, *folder.parents) if _is_there(path)), folder)
        if not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "")
        if not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "")
    except (OSError, ValueError) as error:
        raise TfedgeError(f"{folder}: cannot be written: {reason_of(error)}") from None
    return folder
