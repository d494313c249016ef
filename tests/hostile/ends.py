"""How a road may end: nothing is left behind, and a refusal is a sentence."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hostile.formats.format import BadEndError

# Messages that begin so go on with the words of a C compiler.
_QUOTING = "does not compile with"
# It has them for its own stack traces until the process ends.
_OF_TENSORFLOW = "__autograph_generated_file"


def check_end(refused: Mapping[str, str], temporary: Path, output: Path) -> None:
    """Checks what a road has left.

    Args:
        refused: the messages of the stages that were refused.
        temporary: the folder for temporary files meanwhile.
        output: the path for whatever was to be written.

    Raises:
        BadEndError: something was left behind, or a refusal is no sentence.
    """
    left = _files_in(temporary)
    if refused:
        left += _files_in(output) if output.is_dir() else [output] * output.exists()
    if left:
        raise BadEndError(f"left behind: {', '.join(path.name for path in left[:5])}")
    for message in refused.values():
        lines = message.splitlines()
        if len(lines) != 1 and not (lines and _QUOTING in lines[0]):
            raise BadEndError(f"no sentence of one line: {message[:500]!r}")


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if not path.name.startswith(_OF_TENSORFLOW))


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Has this process and those that it starts put temporary files there."""
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = None
        os.environ.pop("TMPDIR")
        if before is not None:
            os.environ["TMPDIR"] = before
