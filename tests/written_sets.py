"""What a writer that was stopped leaves: the old set, the new one, or neither, and says so."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from tfedge.file_sets import read_manifest

KIND = "convert"
Files = Mapping[str, bytes]


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder but what a writer has left beside."""
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".tfedge-")
    }


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".tfedge-")]


def state(folder: Path, states: Mapping[str, Files]) -> str:
    """Which of some states a folder is in, or "incomplete" if it says that of itself.

    Args:
        folder: where a set was written.
        states: name to the files that lie there then, manifests included.
    """
    found = content(folder) if folder.exists() else {}
    for name, files in states.items():
        if found == files:
            return name
    manifest = read_manifest(folder, KIND)
    assert manifest is not None and not manifest.complete, f"{folder} is mixed: {sorted(found)}"
    assert "incomplete" in next(manifest.faults(folder))
    return "incomplete"


Work = Callable[[Callable[[], None]], None]


def started(work: Work) -> tuple[int, int]:
    """Begins to work in a child of this process.

    Args:
        work: is given what to call when the part begins that matters.

    Returns:
        The child's number, and a pipe that ends then.
    """
    begun, begins = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(begun)
            work(lambda: os.close(begins))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(begins)
    return child, begun


def ended(work: Work, seconds: float | None = None) -> tuple[int, float]:
    """Works in a child, which is killed some time after the part begins that matters, or never.

    Returns:
        How the child ended, as `os.waitpid` says it, and how long it was at that part.
    """
    child, begun = started(work)
    os.read(begun, 1)
    os.close(begun)
    begin = time.monotonic()
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return status, time.monotonic() - begin


class FailingCalls:
    """Stands for `os` in a module, and lets one of its system calls fail.

    Args:
        at: which of them, from 0; none if it is negative.
        error: a number of `errno`; None to kill the process instead.
        lasting: whether nothing can be opened or written from then on, as on a full disk.

    Attributes:
        calls: how many have been made.
    """

    _COUNTED = frozenset(("open", "write", "fsync", "close", "replace", "unlink", "makedirs"))

    def __init__(self, at: int = -1, error: int | None = 0, lasting: bool = False):
        self.calls = 0
        self._at, self._error, self._lasting = at, error, lasting

    def __getattr__(self, name: str):
        real = getattr(os, name)
        return self._counted(name, real) if name in self._COUNTED else real

    def _counted(self, name: str, real: Callable):
        def call(*arguments, **options):
            place = self.calls
            self.calls += 1
            # What is full can still be emptied.
            fails = place == self._at or (
                self._lasting and place > self._at and name in ("open", "write")
            )
            if fails and self._error is None:
                os.kill(os.getpid(), signal.SIGKILL)
            if name == "close" or not fails:
                result = real(*arguments, **options)
            if fails:
                raise OSError(self._error, os.strerror(self._error))
            return result

        return call
