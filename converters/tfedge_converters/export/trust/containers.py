"""Inspection of models' containers, HDF5 files and zip archives, before they are read."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from tfedge.errors import ModelFileError
from tfedge_converters.export.trust.apart import AGAIN, read_apart
from tfedge_converters.export.trust.refusal import printable
from tfedge_converters.worker.failures import RefusalError

# Keras stores members as they are; deflate packs zeros a thousandfold.
_SMALL_BYTES = 1 << 26
_LARGEST_RATIO = 100
# HDF5 files are read faster.
_LEAST_SECONDS = 4.0
_BYTES_A_SECOND = 10_000_000


def check_archive(path: Path) -> None:
    """Refuse a .keras archive that would not stay within itself when it is unpacked.

    Raises:
        ModelFileError: a member lies elsewhere, is there twice, is a link, is damaged or unpacks to
            far more than is stored; or its weights are outside (see `check_hdf5`).
    """
    with zipfile.ZipFile(path) as archive:
        _check_members(archive)
        damaged = archive.testzip()
        if damaged:  # where Keras unpacks it, what it has unpacked until then would stay
            raise ModelFileError(f"its member '{printable(damaged)}' is damaged; {AGAIN}")
        for name in _WEIGHTS:
            if name in archive.namelist():
                _WEIGHTS[name](path, name)


def _check_members(archive: zipfile.ZipFile) -> None:
    seen: set[PurePosixPath] = set()
    files = {_place(member) for member in archive.infolist() if not member.is_dir()}
    for member in archive.infolist():
        problem = _member_problem(member, seen, files)
        if problem:
            raise ModelFileError(f"its member '{printable(member.filename)}' {problem}; {AGAIN}")
        seen.add(_place(member))


def _check_arrays(path: Path, member: str) -> None:
    """Check weights in numpy's form, an archive of arrays."""
    with zipfile.ZipFile(path) as archive, archive.open(member) as source:
        _check_members(zipfile.ZipFile(source))


def _place(member: zipfile.ZipInfo) -> PurePosixPath:
    """Return where a member is unpacked, on any system."""
    return PurePosixPath(member.filename.replace("\\", "/"))


def _member_problem(
    member: zipfile.ZipInfo, seen: set[PurePosixPath], files: set[PurePosixPath]
) -> str:
    """Say what is wrong with a member of an archive; "" if nothing is."""
    name = _place(member)
    if name.is_absolute() or ".." in name.parts or ":" in "".join(name.parts[:1]):
        return "would be unpacked outside of the archive's own folder"
    if name in seen:
        return "is there twice"
    if not files.isdisjoint(name.parents):
        return "would be unpacked into another member, which is no folder"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link to another file"
    if member.file_size > max(_SMALL_BYTES, _LARGEST_RATIO * member.compress_size):
        return f"unpacks to {member.file_size:,} bytes, of {member.compress_size:,} that are stored"
    return ""


def check_hdf5(path: Path, member: str = "") -> None:
    """Refuse an HDF5 file that reads other files, declares far more than it holds, or is damaged.

    A worker reads all of it first: the HDF5 library trusts what it reads, and damaged files end its
    process, or keep it busy for ever.

    Args:
        path: of the file, or of a zip archive.
        member: of the archive; "" if the file itself is meant.

    Raises:
        ModelFileError: it has a link to another file, an array that lies in other files, or an
            array without its values; or it cannot be read.
    """
    request = {"do": "hdf5", "path": str(path.absolute()), "member": member}
    seconds = _LEAST_SECONDS + path.stat().st_size / _BYTES_A_SECOND
    try:
        answer = read_apart("the HDF5 library", request, seconds)
    except RefusalError as error:
        raise ModelFileError(f"truncated or corrupt ({error}); save it again") from error
    place, problem = (printable(str(answer.get(key, ""))) for key in ("place", "problem"))
    if problem:
        raise ModelFileError(f"'{place}' {problem}; {AGAIN}")


# What each form of weights in a .keras archive is looked at with: the archive's path, and a member.
_WEIGHTS: dict[str, Callable[[Path, str], None]] = {
    "model.weights.h5": check_hdf5,
    "model.weights.npz": _check_arrays,
}
