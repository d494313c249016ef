"""Where tfedge's licence is: at the root of the source tree, within the packages once installed."""

from __future__ import annotations

from pathlib import Path

from tfedge.errors import TfedgeError

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "LICENSE", _PACKAGE.parents[1] / "LICENSE")


def license_file() -> Path:
    """Return the file.

    Raises:
        TfedgeError: the installation is not complete.
    """
    for place in _PLACES:
        if place.is_file():
            return place
    raise TfedgeError(f"the licence is missing: {_PLACES[0]} does not exist; install tfedge again")
