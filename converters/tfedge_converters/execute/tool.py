"""Runs of compilers and simulators, which may be absent, fail, hang, or print without end."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tfedge_converters.environment import positive_number
from tfedge_converters.execute.errors import ExecutionError

try:
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]

# Of every program that is run, in place of its own time limit.
SECONDS_VARIABLE = "TFEDGE_TOOL_SECONDS"

_MOST_PRINTED_BYTES = 1 << 26
_CHUNK = 1 << 16
_STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@dataclass(frozen=True)
class ToolRun:
    """Output and exit status of a program that came to its end.

    Attributes:
        status: its exit status; below zero the signal that ended it.
        stdout: what it printed there.
        printed: the same, with what it printed to the standard error, as it came.
    """

    status: int
    stdout: str
    printed: str

    @property
    def end(self) -> str:
        """How it ended, in words."""
        return describe_end(self.status)


def describe_end(status: int) -> str:
    """How a process with this exit status ended, in words."""
    if status >= 0:
        return f"ended with exit code {status}"
    with suppress(ValueError):
        return f"crashed with {signal.Signals(-status).name}"
    return f"crashed with signal {-status}"


def run_tool(
    command: Sequence[str | Path],
    title: str,
    *,
    seconds: float,
    folder: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    advice: str = "",
) -> ToolRun:
    """Run a program to its end, with nothing to read.

    Its temporary files go with it, whatever its end is.

    Args:
        command: the program and its arguments.
        title: what messages call it.
        seconds: time limit, on the clock, unless TFEDGE_TOOL_SECONDS sets another; its children
            are ended with it.
        folder: where it runs.
        environment: instead of this process's.
        advice: what to do where it takes too long.

    Raises:
        ExecutionError: it cannot be started, takes too long or prints too much.
    """
    environment = os.environ if environment is None else environment
    with (
        tempfile.TemporaryDirectory(prefix="tfedge-", ignore_cleanup_errors=True) as temporary,
        running(
            command,
            title,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**environment, "TMPDIR": temporary},
        ) as process,
    ):
        stdout, printed = _everything_printed(process, title, seconds, advice)
        status = process.wait()
    return ToolRun(status, stdout.decode(errors="replace"), printed.decode(errors="replace"))


@contextmanager
def running(
    command: Sequence[str | Path],
    title: str,
    *,
    most_file_bytes: int | None = None,
    **options: Any,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program, and end it and whatever it has started on the way out.

    Args:
        command: the program and its arguments.
        title: what messages call it.
        most_file_bytes: how long the files that it writes may become, where the system can say so;
            None: as long as they like.
        options: of `subprocess.Popen`.

    Raises:
        ExecutionError: it cannot be started.
    """
    process: subprocess.Popen[bytes] | None = None
    try:
        with _signals_held_back():
            process = _start(command, title, options)
        if most_file_bytes is not None and hasattr(resource, "prlimit"):
            with suppress(ProcessLookupError):
                limits = (most_file_bytes, most_file_bytes)
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)
        yield process
    finally:
        if process is not None:
            _end_group(process)


def _start(
    command: Sequence[str | Path], title: str, options: Mapping[str, Any]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, start_new_session=True, **options)
    except OSError as error:
        raise ExecutionError(f"{title} cannot be run: {error.strerror}") from error


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let signals wait that stop this process: a program that runs already would be forgotten."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in _STOPPING
        if signal.getsignal(number) not in (signal.SIG_IGN, signal.SIG_DFL, None)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a program and whatever it has started, and let go of its pipes."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _everything_printed(
    process: subprocess.Popen[bytes], title: str, seconds: float, advice: str
) -> tuple[bytearray, bytearray]:
    seconds = positive_number(SECONDS_VARIABLE, seconds)
    advice = advice or f"{SECONDS_VARIABLE} gives it more"
    too_long = f"{title} was still running after {seconds:g} s; {advice}"
    stdout, printed = bytearray(), bytearray()
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(deadline - time.monotonic())
            if not ready and time.monotonic() >= deadline:
                raise ExecutionError(too_long)
            for key, _ in ready:
                data = os.read(key.fd, _CHUNK)
                printed += data
                if key.fileobj is process.stdout:
                    stdout += data
                if not data:
                    selector.unregister(key.fileobj)
            if len(printed) > _MOST_PRINTED_BYTES:
                raise ExecutionError(
                    f"{title} printed more than {_MOST_PRINTED_BYTES >> 20} MiB, and was ended"
                )
    try:
        process.wait(max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        raise ExecutionError(too_long) from None
    return stdout, printed


@contextmanager
def watched(
    process: subprocess.Popen[bytes], title: str, seconds: float
) -> Iterator[Callable[[], None]]:
    """End a program that is silent for too long, while somebody talks with it.

    Yields:
        What to call whenever the program has answered.

    Raises:
        ExecutionError: it was ended.
    """
    seconds = positive_number(SECONDS_VARIABLE, seconds)
    last = time.monotonic()
    done, expired = threading.Event(), threading.Event()

    def answered() -> None:
        nonlocal last
        last = time.monotonic()

    def watch() -> None:
        while not done.wait(max(last + seconds - time.monotonic(), 0.01)):
            if time.monotonic() - last >= seconds:
                expired.set()
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield answered
    except Exception:
        if not expired.is_set():
            raise
    finally:
        done.set()
        thread.join()
    if expired.is_set():
        raise ExecutionError(
            f"{title} gave no answer for {seconds:g} s, and was ended; {SECONDS_VARIABLE} gives it "
            "more"
        )


def read_words(file: IO[bytes], most: int) -> str:
    """The beginning of what a program wrote into a file."""
    file.seek(0)
    return file.read(most).decode(errors="replace")
