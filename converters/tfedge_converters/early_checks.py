"""Mistakes that can be known before a model is opened, which for Keras takes seconds."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from tfedge.array_files import ArrayFile, arrays_in
from tfedge.calibration.representative_data import REAL_NUMBERS
from tfedge.errors import TfedgeError
from tfedge.files import check_readable
from tfedge.near_names import near
from tfedge.terminal_text import readable
from tfedge_converters.c import OPTIMIZATIONS
from tfedge_converters.ptq.io_types import io_type

_LONGEST_NAME = 100


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
