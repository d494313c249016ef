"""What a job takes, with all the processes that work for it: interpreters, compilers, programs."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PEAK_IS_NOW = "5"  # what /proc/PID/clear_refs calls it
_TICKS = os.sysconf("SC_CLK_TCK")


class TooMuchError(Exception):
    """A job has taken more time or memory than it may."""


@dataclass(frozen=True)
class Limited:
    """A job for `run_jobs` that fails where it and its descendants take too much.

    The limits of a worker of `run_jobs` are those of its own process alone.

    Attributes:
        job: what is limited.
        seconds: of processor time, of all of them together.
        bytes: of resident memory, of each of them, beyond what it had before.
    """

    job: Callable[[int, Callable[[str], None]], Any]
    seconds: float
    bytes: int

    def __call__(self, index: int, stage: Callable[[str], None]) -> Any:
        """The job's result.

        Raises:
            TooMuchError: it has taken more than it may.
        """
        began = _seconds()
        before = {number: _begin_at_now(number) for number in _everyone()}
        result = self.job(index, stage)
        seconds = _seconds() - began
        if seconds > self.seconds:
            raise TooMuchError(f"{seconds:.1f} s of processor time")
        for number in _everyone():
            taken = _peak(number) - before.get(number, 0)
            if taken > self.bytes:
                raise TooMuchError(f"{taken / (1 << 30):.2f} GiB in process {number}")
        return result


def _everyone() -> Iterator[int]:
    """This process and its descendants."""
    waiting = [os.getpid()]
    while waiting:
        number = waiting.pop()
        yield number
        for task in Path(f"/proc/{number}/task").glob("*"):
            waiting += map(int, _read(task / "children").split())


def _read(path: Path) -> str:
    """What the kernel says of a process; nothing once it has ended."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _seconds() -> float:
    """What this process, its descendants and those that it has waited for have computed."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime + sum(map(_seconds_of, _everyone()))


def _seconds_of(number: int) -> float:
    fields = _read(Path(f"/proc/{number}/stat")).rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def _begin_at_now(number: int) -> int:
    """Forget a process' peak of resident memory; what it has now."""
    with suppress(OSError):  # it has ended
        Path(f"/proc/{number}/clear_refs").write_text(_PEAK_IS_NOW)
    return _peak(number)


def _peak(number: int) -> int:
    words = _read(Path(f"/proc/{number}/status")).split()
    return int(words[words.index("VmHWM:") + 1]) << 10 if "VmHWM:" in words else 0
