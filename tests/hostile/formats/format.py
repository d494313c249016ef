"""What a sweep knows of a format."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfedge.errors import TfedgeError
from tfedge_converters.cli import main

_DONE = (0, 1)  # 1 says that what was run is not as it should be
_REFUSED = 2


class BadEndError(Exception):
    """The command ended otherwise than it may."""


@dataclass(frozen=True)
class Place:
    """Where a road begins.

    Attributes:
        sound: the folder of what the format has written.
        given: the damaged file or folder.
        output: a path that nothing lies at, for whatever is written.
        rng: for choices on the way.
    """

    sound: Path
    given: Path
    output: Path
    rng: np.random.Generator


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        write: writes sound ones, and what else the roads need, into a folder.
        damage: given that folder, an empty one and a generator: puts a damaged file or folder into
            the empty one, and returns its path.
        roads: what reads it, by name; each may end in TfedgeError alone.
        needs_keras: whether roads open models of Keras, or run them.
        begin: is called with the folder of sound files before the first road: what a library takes
            when it is first used is no file's fault.
    """

    write: Callable[[Path], None]
    damage: Callable[[Path, Path, np.random.Generator], Path]
    roads: Mapping[str, Callable[[Place], object]]
    needs_keras: bool = False
    begin: Callable[[Path], object] = lambda sound: None


def command(*arguments: str | Path) -> None:
    """The command line.

    Raises:
        TfedgeError: it has refused what was given, as it should: with one line.
        BadEndError: it ended in any other way but success.
    """
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            status: object = main([str(argument) for argument in arguments])
        except SystemExit as end:  # of argparse, which these commands give no reason
            status = f"SystemExit({end.code})"
    if status in _DONE:
        return
    words = said.getvalue().rpartition("tfedge: ")[2]
    if status != _REFUSED or not words or "Traceback" in said.getvalue():
        raise BadEndError(f"status {status}: {said.getvalue()[-500:]}")
    raise TfedgeError(words.rstrip("\n"))
