"""Arrays in files of numpy, which may be damaged, too large, or a stranger's: refused in words."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.files import reason_of

NPZ = "an .npz file, as numpy.savez writes it"


class ArrayFile(Mapping[str, np.ndarray]):
    """The arrays of an .npz file by name; each is read when it is asked for."""

    def __init__(self, archive: Any, path: Path, form: str):
        self._archive = archive
        self._path = path
        self._form = form

    def __getitem__(self, name: str) -> np.ndarray:
        """An array.

        Raises:
            KeyError: there is none of this name.
            TfedgeError: it cannot be read.
        """
        if name not in self._archive.files:
            raise KeyError(name)
        with _in_words(self._path, self._form):
            _refuse_larger_than_memory(self._archive.zip, name)
            array: np.ndarray = self._archive[name]
            if not isinstance(array, np.ndarray):
                raise ValueError(f"'{name}' is no array")
            return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._archive.files)

    def __len__(self) -> int:
        return len(self._archive.files)


@contextmanager
def arrays_in(path: Path, form: str = NPZ) -> Iterator[ArrayFile]:
    """Opens an .npz file.

    Args:
        path: of the file.
        form: what messages say that it should be.

    Raises:
        TfedgeError: it cannot be read, or holds something else.
    """
    with _in_words(path, form):
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array without a name")
    with archive:
        yield ArrayFile(archive, path, form)


def read_array(path: Path, form: str) -> np.ndarray:
    """The array of an .npy file.

    Raises:
        TfedgeError: it cannot be read.
    """
    with _in_words(path, form):
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
    return "it holds Python objects, not numbers" if "pickle" in text else text


def digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """A hash of names, types, shapes and numbers, by which a file knows that it is as written."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _refuse_larger_than_memory(archive: zipfile.ZipFile, name: str) -> None:
    """Compressed zeros of kilobytes may stand for gigabytes."""
    names = set(archive.namelist())
    size = archive.getinfo(name if name in names else f"{name}.npy").file_size
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > memory:
        raise ValueError(
            f"'{name}' takes {size / (1 << 30):,.1f} GiB, more memory than this computer has"
        )
