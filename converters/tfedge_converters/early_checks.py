"""Mistakes that can be known before a model is opened, which for Keras takes seconds."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from tfedge.errors import TfedgeError
from tfedge.files import check_readable
from tfedge.near_names import near
from tfedge_converters.c import OPTIMIZATIONS
from tfedge_converters.ptq.io_types import io_type


def check_data(data: Any) -> None:
    """Refuse a path at which there are no samples; anything else is checked when it is read.

    Raises:
        TfedgeError: there is no such file, or it is no .npz file.
    """
    if not isinstance(data, (str, Path)):
        return
    path = Path(data)
    check_readable(path)
    if not zipfile.is_zipfile(path):
        raise TfedgeError(f"{path}: cannot be read as an .npz file; write it with np.savez")


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
