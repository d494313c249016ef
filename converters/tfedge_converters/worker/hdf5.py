"""A walk through an HDF5 file, by a library that trusts every number in it.

Imported by workers alone: damaged files make it loop for ever, or end its process.
"""

from __future__ import annotations

import io
import itertools
import math
import zipfile
from collections.abc import Iterator
from typing import Any

import h5py

_SMALL_BYTES = 1 << 26
# Of HDF5's gzip filter, which weights are rarely written with.
_LARGEST_RATIO = 1032
# Read at once.
_PART_BYTES = 1 << 24


def problem_in(path: str, member: str) -> tuple[str, str]:
    """Read all that is in a file.

    Args:
        path: of the file, or of a zip archive.
        member: of the archive; "" if the file itself is meant.

    Returns:
        The place of what nobody should read, and what is wrong with it; twice "" if nothing is.

    Raises:
        Exception: whatever h5py makes of broken bytes.
    """
    with h5py.File(_content(path, member)) as file:
        return next(_problems(file), ("", ""))


def _content(path: str, member: str) -> str | io.BytesIO:
    if not member:
        return path
    with zipfile.ZipFile(path) as archive:
        return io.BytesIO(archive.read(member))


def _problems(root: Any) -> Iterator[tuple[str, str]]:
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        group = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            continue
        seen.add(address)
        _read_attributes(group)
        for name in group:
            place = f"{group.name.rstrip('/')}/{name}"
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.SoftLink):
                continue  # what it names is looked at where it stands
            if not isinstance(link, h5py.HardLink):
                yield place, "is a link to another file"
                return
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                problem = _problem_of_array(item)
                if problem:
                    yield place, problem
                    return
                _read_attributes(item)
                _read_values(item)


def _problem_of_array(dataset: Any) -> str:
    if dataset.external or dataset.is_virtual:
        return "lies in other files"
    stored = dataset.id.get_storage_size()
    elements = max(dataset.size or 0, math.prod(dataset.chunks or ()))
    declared = elements * dataset.dtype.itemsize
    if declared > max(_SMALL_BYTES, _LARGEST_RATIO * stored):
        return f"declares {declared:,} bytes, of which {stored:,} are stored"
    return ""


def _read_attributes(item: Any) -> None:
    for name in item.attrs:
        item.attrs[name]


def _read_values(dataset: Any) -> None:
    if dataset.size:
        for part in dataset.iter_chunks() if dataset.chunks else _parts(dataset):
            dataset[part]


def _parts(dataset: Any) -> Iterator[tuple[Any, ...]]:
    """Selections of an array, of a few bytes each, that are all of it together."""
    shape = dataset.shape
    if not shape:
        yield ()
        return
    row_bytes = [
        dataset.dtype.itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape))
    ]
    axis = next((i for i, size in enumerate(row_bytes) if size <= _PART_BYTES), len(shape) - 1)
    rows = max(1, _PART_BYTES // row_bytes[axis])
    for above in itertools.product(*map(range, shape[:axis])):
        for begin in range(0, shape[axis], rows):
            yield (*above, slice(begin, begin + rows))
