"""Inspection of models' containers, HDF5 files and zip archives, before they are read."""

from __future__ import annotations

import io
import math
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import h5py

from tfedge.errors import ModelFileError
from tfedge_converters.export.trust.refusal import printable

# Keras stores members as they are; deflate packs zeros a thousandfold.
_SMALL_BYTES = 1 << 26
_LARGEST_RATIO = 100
# Of HDF5's gzip filter, which weights are rarely written with.
_LARGEST_HDF5_RATIO = 1032


def check_archive(path: Path) -> None:
    """Refuse a .keras archive that would not stay within itself when it is unpacked.

    Raises:
        ModelFileError: a member lies elsewhere, is there twice, is a link or unpacks to far more
            than is stored; or its weights are outside (see `check_hdf5`).
    """
    with zipfile.ZipFile(path) as archive:
        _check_members(archive)
        for name in _WEIGHTS:
            if name in archive.namelist():
                _WEIGHTS[name](io.BytesIO(archive.read(name)))


_AGAIN = "save the model again, with Keras' own model.save"


def _check_members(archive: zipfile.ZipFile) -> None:
    seen: set[str] = set()
    for member in archive.infolist():
        problem = _member_problem(member, seen)
        if problem:
            raise ModelFileError(f"its member '{printable(member.filename)}' {problem}; {_AGAIN}")
        seen.add(member.filename)


def _check_arrays(source: io.BytesIO) -> None:
    """Check weights in numpy's form, an archive of arrays."""
    with zipfile.ZipFile(source) as archive:
        _check_members(archive)


def _member_problem(member: zipfile.ZipInfo, seen: set[str]) -> str:
    """Say what is wrong with a member of an archive; "" if nothing is."""
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
        return "would be unpacked outside of the archive's own folder"
    if member.filename in seen:
        return "is there twice"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link to another file"
    if member.file_size > max(_SMALL_BYTES, _LARGEST_RATIO * member.compress_size):
        return f"unpacks to {member.file_size:,} bytes, of {member.compress_size:,} that are stored"
    return ""


def check_hdf5(source: Path | io.BytesIO) -> None:
    """Refuse an HDF5 file that reads other files, or declares far more than it holds.

    Raises:
        ModelFileError: it has a link to another file, an array that lies in other files, or an
            array without its values.
    """
    with h5py.File(source) as file:
        _check_group(file)


def _check_group(root: Any) -> None:
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        group = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            continue
        seen.add(address)
        for name in group:
            place = printable(f"{group.name.rstrip('/')}/{name}")
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.SoftLink):
                continue  # what it names is looked at where it stands
            if not isinstance(link, h5py.HardLink):
                raise ModelFileError(f"'{place}' is a link to another file; {_AGAIN}")
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                _check_dataset(item, place)


def _check_dataset(dataset: Any, place: str) -> None:
    if dataset.external or dataset.is_virtual:
        raise ModelFileError(f"the values of '{place}' lie in other files; {_AGAIN}")
    stored = dataset.id.get_storage_size()
    elements = max(dataset.size or 0, math.prod(dataset.chunks or ()))
    declared = elements * dataset.dtype.itemsize
    if declared > max(_SMALL_BYTES, _LARGEST_HDF5_RATIO * stored):
        raise ModelFileError(
            f"'{place}' declares {declared:,} bytes, of which {stored:,} are stored; {_AGAIN}"
        )


# What each form of weights in a .keras archive is looked at with.
_WEIGHTS: dict[str, Callable[[io.BytesIO], None]] = {
    "model.weights.h5": check_hdf5,
    "model.weights.npz": _check_arrays,
}
