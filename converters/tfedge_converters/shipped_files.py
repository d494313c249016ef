"""Files that come with tfedge: at the root of its source tree, within its package once installed.

pyproject.toml says which are put into the package.
"""

from __future__ import annotations

from pathlib import Path

from tfedge.errors import TfedgeError

_PACKAGE = Path(__file__).resolve().parent
_PLACES = (_PACKAGE, _PACKAGE.parents[1])


def shipped(name: str, what: str) -> Path:
    """Return a file or a folder that comes with tfedge.

    Args:
        name: what it is called, "LICENSE".
        what: what it is, for the message.

    Raises:
        TfedgeError: the installation is not complete.
    """
    for place in _PLACES:
        if (place / name).exists():
            return place / name
    raise TfedgeError(f"{what} is missing: {_PACKAGE / name} does not exist; install tfedge again")
