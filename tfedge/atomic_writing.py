"""Files that appear whole or not at all, whatever ends the process, the disk or the machine.

Content is written beside its place and synced, then renamed; the folder is synced last. Whoever
writes into a folder has it alone meanwhile, so that what a killed process left beside can be told
from what another is writing, and goes.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tfedge.errors import TfedgeError
from tfedge.files import reason_of

try:
    import fcntl
except ImportError:  # on Windows, where writers are not kept apart
    fcntl = None  # type: ignore[assignment]

_CLOSED_IN_CHILDREN = getattr(os, "O_CLOEXEC", 0)
# Of what lies beside its place; long names would not leave room for more.
_BESIDE = ".tfedge-{}.part"
_LEFT_BEHIND = re.compile(r"\.tfedge-[0-9a-f]{16}\.part(\..*)?")
_LOCK_SECONDS = 60.0
_LOCK_AGAIN_SECONDS = 0.02
# What file systems say that cannot lock, or sync a folder.
_NO_SUCH_THING = (errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write one file; on failure the one that was there is as before.

    Text is written as UTF-8 with line feeds on every host, so that output is the same byte for
    byte everywhere.

    Raises:
        TfedgeError: the disk is full, the folder cannot be made or written to, or the path is that
            of a folder or a device.
    """
    with writing_into(path.parent) as writing:
        writing.stage(path.name, as_bytes(content))
        writing.publish([path.name])


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside a file, with its suffix, for others to write to; it takes the file's place.

    Raises:
        TfedgeError: it cannot be written. Then the file that was there is as before.
    """
    with writing_into(path.parent) as writing:
        beside = writing.beside(path.name, "".join(path.suffixes[-2:]))
        yield beside
        _sync(beside)
        writing.publish([path.name])


def as_bytes(content: bytes | str) -> bytes:
    """Return the bytes of a file with this content; names of files may have bytes beyond text."""
    return content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content


@contextmanager
def writing_into(folder: Path) -> Iterator[Writing]:
    """A folder to write into, which nobody else of tfedge does meanwhile; it is made if need be.

    Raises:
        TfedgeError: something there cannot be written, or another process does not come to its end.
    """
    writing = Writing(folder)
    try:
        with _made(folder), _alone_in(folder) as alone:
            if alone:
                _sweep(folder)
            try:
                yield writing
            finally:
                writing.discard()
    except OSError as error:
        raise TfedgeError(f"{writing.place}: cannot be written: {reason_of(error)}") from error


class Writing:
    """A file or folder that is being written.

    Files are named as from the folder, and may lie in others below it: "src/model.c".

    Attributes:
        place: the path that was touched last.
    """

    def __init__(self, folder: Path):
        self.place = folder
        self._folder = folder
        self._staged: dict[str, Path] = {}

    def beside(self, name: str, suffix: str = "") -> Path:
        """Where the content of a file is written until it is published."""
        self.place = self._folder / name
        _refuse_special(self.place)
        self._staged[name] = self._folder / (_BESIDE.format(secrets.token_hex(8)) + suffix)
        return self._staged[name]

    def stage(self, name: str, data: bytes) -> None:
        """Write the content of a file beside its place, to stay there when the power fails."""
        beside = self.beside(name)
        descriptor = os.open(
            beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOSED_IN_CHILDREN, 0o666
        )
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def publish(self, names: Iterable[str], removed: Iterable[str] = ()) -> None:
        """Put staged files in their places, and take others away.

        Each file changes at once, one after the other. Folders below come with their first file,
        and go with their last.
        """
        touched = {self._folder}
        for name in names:
            self.place = self._folder / name
            _make(self.place.parent)
            os.replace(self._staged[name], self.place)
            del self._staged[name]
            touched.add(self.place.parent)
        for name in removed:
            self.place = self._folder / name
            os.unlink(self.place)
            touched |= _emptied(self.place.parent, self._folder)
        self.place = self._folder
        for folder in sorted(touched):
            if folder.is_dir():
                _sync(folder)

    def discard(self) -> None:
        """Take away what was staged and not published."""
        for path in self._staged.values():
            with suppress(OSError):
                os.unlink(path)
        self._staged.clear()


def _missing(folder: Path) -> list[Path]:
    return [path for path in (folder, *folder.parents) if not os.path.lexists(path)]


def _make(folder: Path) -> None:
    missing = _missing(folder)
    os.makedirs(folder, exist_ok=True)
    for path in missing:
        _sync(path.parent)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """A folder and those above it; if nothing comes of writing, none is left that is empty."""
    missing = _missing(folder)
    try:
        _make(folder)
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise


def _emptied(folder: Path, top: Path) -> set[Path]:
    """Take away folders that are empty, from one up to what lies below another; what changed."""
    with suppress(OSError):
        while folder != top:
            os.rmdir(folder)
            folder = folder.parent
    return {folder}


def _refuse_special(path: Path) -> None:
    """A rename would put a file in the place of a device, or fail over a folder."""
    with suppress(FileNotFoundError):
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "")
        if not stat.S_ISREG(mode):
            raise OSError("it is no regular file")


@contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """Keep other writers out; whether that is possible here."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | _CLOSED_IN_CHILDREN)
    except PermissionError:  # files can be made in it all the same
        yield False
        return
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    deadline = time.monotonic() + _LOCK_SECONDS
    while fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise OSError(
                    f"another process has been writing into it for {_LOCK_SECONDS:g} s"
                ) from None
            time.sleep(_LOCK_AGAIN_SECONDS)
        except OSError as error:
            if error.errno not in _NO_SUCH_THING:
                raise
            return False
    return False


def _sweep(folder: Path) -> None:
    """Take away what killed processes left beside."""
    with suppress(OSError):
        for name in filter(_LEFT_BEHIND.fullmatch, os.listdir(folder)):
            os.unlink(folder / name)


def _sync(path: Path) -> None:
    """Have the disk know what is in a folder or a file, where it can be asked to."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _CLOSED_IN_CHILDREN)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SUCH_THING:
            raise
    finally:
        os.close(descriptor)
