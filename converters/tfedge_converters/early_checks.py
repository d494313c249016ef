"""Mistakes that can be known before a model is opened, which for Keras takes seconds."""

from __future__ import annotations

import mmap
import zipfile
from pathlib import Path
from typing import Any

from tfedge.array_files import ArrayFile, arrays_in
from tfedge.calibration.representative_data import REAL_NUMBERS
from tfedge.errors import TfedgeError
from tfedge.files import check_readable
from tfedge.near_names import near
from tfedge.quantization.schemes import Scheme
from tfedge.terminal_text import readable
from tfedge_converters.c import OPTIMIZATIONS
from tfedge_converters.file_kinds import FileKind, kind_of
from tfedge_converters.ptq.calibration import is_calibration
from tfedge_converters.ptq.io_types import check_io_types, io_type

_LONGEST_NAME = 100

# The name of the package, in the description of every layer and wrapper of its own.
_OURS = b"tfedge"

_MOST_CONFIG_BYTES = 1 << 24


def check_data(data: Any) -> None:
    """Refuse a path at which there are no samples; anything else is checked when it is read.

    Raises:
        TfedgeError: there is no such file, it is no .npz file, or none of its arrays can be
            samples.
    """
    if not isinstance(data, (str, Path)):
        return
    path = Path(data)
    check_readable(path)
    if not zipfile.is_zipfile(path):
        raise TfedgeError(f"{path}: cannot be read as an .npz file; write it with np.savez")
    faults = []
    with arrays_in(path) as arrays:
        for name in arrays:
            faults.append(_fault(arrays, name))
            if not faults[-1]:
                return
    raise TfedgeError(f"{path}: {'; '.join(faults[:3]) or 'holds no arrays'}")


def _fault(arrays: ArrayFile, name: str) -> str:
    """Say why an array cannot be samples; "" if it can."""
    shown = readable(name)[:_LONGEST_NAME]
    try:
        shape, dtype = arrays.header(name)
    except TfedgeError:  # it may be somebody's note, beside samples
        return f"its member '{shown}' is no array"
    if dtype.kind not in REAL_NUMBERS:
        return f"its array '{shown}' is of {dtype}, not of real numbers"
    if not shape or 0 in shape:
        return f"its array '{shown}' holds no samples: its shape is {shape}"
    return ""


def check_samples(data: Any) -> None:
    """Refuse a path at which there are no samples, or what was seen of them.

    Raises:
        TfedgeError: as `check_data`; or it is what `tfedge calibrate` wrote.
    """
    check_data(data)
    if is_calibration(data):
        raise TfedgeError(
            f"{data}: holds what a calibration has seen, which convert takes; here the samples "
            "themselves are needed, the data that it was made from"
        )


def check_io_types_of_keras(
    model: Any, scheme: Scheme, io_types: tuple[str | None, str | None], *, is_chosen: bool
) -> None:
    """Refuse types of inputs and outputs that a Keras model in a file cannot have.

    Args:
        model: as for `tfedge.convert`; all but paths of Keras models can be opened at once.
        scheme: what it is quantised to.
        io_types: of inputs and outputs.
        is_chosen: whether the scheme is the user's, and does not give way to that of a training.

    Raises:
        TfedgeError: says which types there are.
        ModelFileError: there is no model at the path.
    """
    if not isinstance(model, (str, Path)) or not any(io_types):
        return
    kind = kind_of(Path(model))
    if kind is not FileKind.TFLITE and (is_chosen or not _may_be_trained(Path(model), kind)):
        check_io_types(scheme, *io_types)


def _may_be_trained(path: Path, kind: FileKind) -> bool:
    """Whether a Keras model's file can hold layers of tfedge, which have a scheme of their own."""
    try:
        if kind is FileKind.KERAS_ARCHIVE:
            with zipfile.ZipFile(path) as archive, archive.open("config.json") as config:
                said = config.read(_MOST_CONFIG_BYTES + 1)
            return _OURS in said or len(said) > _MOST_CONFIG_BYTES
        if kind is FileKind.HDF5:
            with (
                path.open("rb") as file,
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as all_,
            ):
                return all_.find(_OURS) >= 0
    except (OSError, ValueError, LookupError, NotImplementedError, zipfile.BadZipFile):
        pass  # what opens it says why it cannot
    return True


def check_positive(**numbers: int | None) -> None:
    """Refuse numbers, by the names of their arguments, that are not above 0; None is none.

    Raises:
        TfedgeError: says which.
    """
    for name, number in numbers.items():
        if number is not None and not number > 0:
            raise TfedgeError(f"{name} has to be above 0, not {number}")


def check_choices(optimize: str, *io_types: str | None) -> None:
    """Refuse what is not one of a few words.

    Args:
        optimize: see `tfedge.convert`.
        io_types: types of inputs and outputs.

    Raises:
        TfedgeError: says which words there are.
    """
    if optimize not in OPTIMIZATIONS:
        raise TfedgeError(
            f"optimize='{optimize}' is unknown; use {', '.join(OPTIMIZATIONS)}"
            f"{near(optimize, OPTIMIZATIONS)}"
        )
    for given in io_types:
        if given is not None:
            io_type(given)
