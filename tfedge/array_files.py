"""Arrays in files of numpy, which may be damaged, too large, or a stranger's: refused in words."""

from __future__ import annotations

import hashlib
import io
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.files import open_file, reason_of

NPZ = "an .npz file, as numpy.savez writes it"

_OBJECTS = "it holds Python objects, not numbers"
# What archives may unpack to: numbers that somebody measured pack ten times at most.
_SMALL_BYTES, _LARGEST_RATIO = 1 << 26, 100
# Version 3 is for names of fields, which arrays of numbers do not have.
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class ArrayFile(Mapping[str, np.ndarray]):
    """The arrays of an .npz file by name; each is read when it is asked for."""

    def __init__(self, archive: Any, path: Path, form: str):
        self._archive = archive
        self._path = path
        self._form = form

    def __getitem__(self, name: str) -> np.ndarray:
        """Read one array of the file.

        Raises:
            KeyError: there is none of this name.
            TfedgeError: it cannot be read.
        """
        if name not in self._archive.files:
            raise KeyError(name)
        with _in_words(self._path, self._form):
            _check_member(self._archive.zip, name)
            array: np.ndarray = self._archive[name]
            if not isinstance(array, np.ndarray):
                raise ValueError(f"'{name}' is no array")
            return array

    def header(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Return what one array of the file declares, its shape and type; nothing else is read.

        Raises:
            TfedgeError: it cannot be read.
        """
        with _in_words(self._path, self._form):
            archive = self._archive.zip
            with archive.open(_member(archive, name)) as file:
                return _read_header(file)

    def __iter__(self) -> Iterator[str]:
        return iter(self._archive.files)

    def __len__(self) -> int:
        return len(self._archive.files)


@contextmanager
def arrays_in(path: Path, form: str = NPZ) -> Iterator[ArrayFile]:
    """Open an .npz file.

    Args:
        path: of the file.
        form: what messages say that it should be.

    Raises:
        TfedgeError: it cannot be read, or holds something else.
    """
    with _in_words(path, form):
        open_file(path).close()
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile) or archive.zip is None:
            raise ValueError("it holds a single array without a name")
        _refuse_packed_zeros(archive.zip, path.stat().st_size)
    with archive:
        yield ArrayFile(archive, path, form)


def read_array(path: Path, form: str) -> np.ndarray:
    """The array of an .npy file.

    Raises:
        TfedgeError: it cannot be read.
    """
    with _in_words(path, form):
        with open_file(path) as file:
            _check_header(file, path.stat().st_size)
        array = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it holds several arrays")
        return array


@contextmanager
def _in_words(path: Path, form: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # numpy and zipfile raise many kinds over damaged bytes
        raise TfedgeError(f"{path}: cannot be read as {form}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, OSError):
        return reason_of(error)
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return _OBJECTS if "pickle" in text else text


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The content of an .npz file, whatever its arrays are called."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, array in arrays.items():
            # A time of its own, so that the same arrays are the same bytes.
            member = zipfile.ZipInfo(f"{name}.npy")
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return content.getvalue()


def digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """A hash of names, types, shapes and numbers, by which a file knows that it is as written."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _refuse_packed_zeros(archive: zipfile.ZipFile, stored: int) -> None:
    """Compressed zeros of kilobytes may stand for gigabytes."""
    declared = sum(member.file_size for member in archive.infolist())
    if declared > max(_SMALL_BYTES, _LARGEST_RATIO * stored):
        raise ValueError(
            f"it unpacks to {declared:,} bytes, of {stored:,} that are stored; if these are true "
            "data, write them with numpy.savez, which does not pack them"
        )


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Find an array's member; numpy leaves the ending of its name out."""
    try:
        return archive.getinfo(name)
    except KeyError:
        return archive.getinfo(f"{name}.npy")


def _check_member(archive: zipfile.ZipFile, name: str) -> None:
    member = _member(archive, name)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if member.file_size > memory:
        raise ValueError(
            f"'{name}' takes {member.file_size / (1 << 30):,.1f} GiB, more memory than this "
            "computer has"
        )
    with archive.open(member) as file:
        _check_header(file, member.file_size)


def _check_header(file: IO[bytes], size: int) -> None:
    """Refuse what declares more than it holds, before room is made for it.

    Args:
        file: an .npy file, at its beginning.
        size: of the file in bytes.
    """
    shape, dtype = _read_header(file)
    if dtype.hasobject:
        raise ValueError(_OBJECTS)
    declared, held = math.prod(shape) * dtype.itemsize, size - file.tell()
    if declared > held or min(shape, default=0) < 0:
        raise ValueError(
            f"its header declares {shape} values of {dtype}, and {held:,} bytes follow"
        )


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"its header has version {version[0]}.{version[1]}, not 1.0 or 2.0")
    shape, _, dtype = _HEADERS[version](file)
    return shape, dtype
