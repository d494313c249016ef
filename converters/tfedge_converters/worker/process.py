"""The parent's end of a worker: starting it, asking it, and knowing what it died of."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from tfedge.errors import MissingToolError, TfedgeError
from tfedge_converters.worker import wire
from tfedge_converters.worker.failures import DeathError, Kind, RefusalError
from tfedge_converters.worker.limits import MEMORY_VARIABLE, SECONDS_VARIABLE, Limits

# Isolated from the environment and the current folder, with the modules that this process has.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[4:]; from tfedge_converters.worker.server import serve; "
    "serve(*map(int, sys.argv[1:3]), ahead=sys.argv[3])"
)
# Requests that hand over what a stranger wrote.
_READING = ("load", "hdf5", "saved_model")
NONSENSE = "its process answered nonsense"
_DYING_SECONDS = 5.0
_LAST_WORDS_BYTES = 1 << 14  # of which calls take most
_CALL = re.compile(r"\s*(@|\*\*\*) ")
_WHEN_AND_WHERE = re.compile(r"^[EF]\d{4} [^\]]*\] ")
_WORDS_CHARACTERS = 200
_NO_MEMORY = ("bad_alloc", "out of memory", "Cannot allocate memory")


class WorkerProcess:
    """A process that runs models, one at a time.

    Attributes:
        limits: what the model that it has now may cost.
        models: how many models, and files of HDF5 and SavedModels, it has been given.
    """

    def __init__(self, limits: Limits, ahead: str = ""):
        if not hasattr(socket, "send_fds"):
            raise MissingToolError(
                "LiteRT and TFLite Micro run in a process of their own, for which Windows lacks "
                "what Linux and macOS have; use WSL, the Windows Subsystem for Linux"
            )
        self.limits = limits
        self.models = 0
        self._memory_bytes = limits.memory_bytes
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 (open while the process lives)
        self._connection, theirs = socket.socketpair()
        self._connection.settimeout(limits.silent_seconds)
        numbers = (theirs.fileno(), limits.memory_bytes)
        paths = [str(Path(path).absolute()) for path in sys.path]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _PROGRAM, *map(str, numbers), ahead, *paths],
                stdin=subprocess.PIPE,  # never written to: it ends when this process does
                stdout=self._words,
                stderr=self._words,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # where Ctrl-C is not heard
            )
        except OSError as error:
            raise TfedgeError(
                f"interpreters run in a process of their own, and Python ('{sys.executable}') "
                f"cannot be started: {error.strerror}"
            ) from error
        finally:
            theirs.close()

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def send(self, head: dict[str, Any], raw: bytes = b"", descriptor: int | None = None) -> None:
        """Ask for something.

        Raises:
            DeathError: it is dead.
        """
        if head["do"] in _READING:
            self._memory_bytes = head.get("memory_bytes", self.limits.memory_bytes)
            head = {**head, "seconds": self.limits.seconds}
            self.models += 1
            self._words.seek(0)
            self._words.truncate()
        try:
            wire.send(self._connection, head, raw, descriptor)
        except wire.WireError:
            raise self._death() from None

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """The answer to the first question without one.

        Raises:
            RefusalError: the interpreter says no.
            MissingToolError: the interpreter is not installed.
            DeathError: the worker died, or was ended for what it took.
        """
        head: dict[str, Any] = {"progress": 0}
        raw = b""
        while "progress" in head:
            try:
                head, raw, descriptors = wire.receive(self._connection)
            except TimeoutError:
                self.kill()
                raise DeathError(
                    f"it said nothing for {self.limits.silent_seconds:g} s", Kind.OUT_OF_TIME
                ) from None
            except wire.WireError:
                raise self._death() from None
            for descriptor in descriptors:
                os.close(descriptor)
        if "memory" in head:
            raise DeathError(self._memory(), Kind.CRASH)
        if "missing" in head:
            raise MissingToolError(f"an interpreter is not installed: {_one_line(head['missing'])}")
        if "refused" in head:
            kind = Kind.KERNEL if head.get("by_kernels") is True else Kind.OTHER
            raise RefusalError(_one_line(head["refused"]), kind)
        return head, raw

    def ask(
        self, head: dict[str, Any], raw: bytes = b"", descriptor: int | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """`send` and `receive`."""
        self.send(head, raw, descriptor)
        return self.receive()

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._close()

    def forget(self) -> None:
        """In a forked child: lets go of what belongs to the parent."""
        self._process.returncode = 0  # nobody's to wait for here
        self._close()

    def _close(self) -> None:
        self._connection.close()
        self._words.close()
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def _death(self) -> DeathError:
        """Return the error for its death; also for what it said, where that was nonsense."""
        try:
            status = self._process.wait(timeout=_DYING_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return DeathError(NONSENSE)
        words = self._last_words()
        self.kill()
        if status == -signal.SIGPROF:
            text = (
                f"it was not done after {self.limits.seconds:.3g} s of processor time "
                f"({SECONDS_VARIABLE} gives it more)"
            )
            return DeathError(text, Kind.OUT_OF_TIME)
        if any(sign in words for sign in _NO_MEMORY):
            return DeathError(self._memory(), Kind.CRASH)
        text = _described(status)
        last = _last_said(words)
        text = f"{text} ({last})" if last and "INFO" not in last else text
        return DeathError(text, Kind.CRASH)

    def _memory(self) -> str:
        return (
            f"it needed more than {self._memory_bytes / (1 << 30):.3g} GiB of memory "
            f"({MEMORY_VARIABLE} gives it more)"
        )

    def _last_words(self) -> str:
        size = os.fstat(self._words.fileno()).st_size
        begin = max(size - _LAST_WORDS_BYTES, 0)
        return os.pread(self._words.fileno(), _LAST_WORDS_BYTES, begin).decode(errors="replace")


def _last_said(words: str) -> str:
    """The last line, before the calls that led to it where a library lists these."""
    lines = [line for line in words.splitlines() if line.strip() and not _CALL.match(line)]
    return _one_line(_WHEN_AND_WHERE.sub("", lines[-1]) if lines else "")


def _described(status: int) -> str:
    if status >= 0:
        return f"its process ended with exit code {status}"
    with suppress(ValueError):
        return f"its process ended with {signal.Signals(-status).name}"
    return f"its process ended with signal {-status}"


def _one_line(text: Any) -> str:
    """A model's author may have chosen these words."""
    printable = "".join(c if c.isprintable() else " " for c in str(text))
    return printable.strip()[:_WORDS_CHARACTERS]
