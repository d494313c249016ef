"""Manners of every command, however it ends: one line, a status, and nothing behind.

A signal becomes an exception, so that temporary folders go and processes that were started end on
the way out. Output may go to a pipe that is closed, a disk that is full, or a terminal that knows
no more than ASCII.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

ERROR = 2
_BY_SIGNAL = 128  # what shells add to a signal's number
_SIGPIPE = 13  # for which Windows has no name
_SIGNALS = {
    number: words
    for name, words in (
        ("SIGINT", "interrupted"), ("SIGTERM", "terminated"), ("SIGHUP", "the terminal is gone"),
    )
    if (number := getattr(signal, name, None)) is not None
}  # fmt: skip
_REPEAT_SECONDS = 0.01
# What is cleared away on the way out is done then; a signal before that would leave it.
_AGAIN_SECONDS = 2.0
_STREAMS = {0: "stdin", 1: "stdout", 2: "stderr"}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _StoppedError(KeyboardInterrupt):
    """A signal has come."""


def well_mannered(command: Callable[[], int], *, is_last: bool) -> int:
    """Run a command.

    Args:
        command: prints, and returns its exit status.
        is_last: whether this process does nothing else: signals that come after the command are not
            heard, so that what is left to be done at the end is done.

    Returns:
        The exit status: the command's; 2 for an error, which is told in one line; 128 and the
        number of the signal that stopped it, or that nobody reads its output any more.
    """
    if is_last:
        _open_what_is_closed()
    _print_what_the_terminal_can()
    signals = _Signals(is_last)
    try:
        with signals:
            status, words = _outcome(command)
    except BaseException:
        # Imports and destructors make other exceptions of the signal's.
        if signals.received is None:
            raise
    if signals.received is not None:
        status, words = _BY_SIGNAL + signals.received, _SIGNALS[signals.received]
    if words:
        _say(words)
    return status


def _outcome(command: Callable[[], int]) -> tuple[int, str]:
    """The exit status, and what there is to say of it."""
    from tfedge.errors import TfedgeError  # signals are heard already

    try:
        try:
            return command(), ""
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except TfedgeError as error:
        return ERROR, str(error)
    except BrokenPipeError:
        _let_go_of(sys.stdout)
        return _BY_SIGNAL + _SIGPIPE, ""
    except OSError as error:
        _let_go_of(sys.stdout)
        return ERROR, _in_words(error)


def _open_what_is_closed() -> None:
    """Have standard streams that this process was started without lead nowhere.

    Otherwise the next file that is opened has the number of one of them, and gets what programs
    that are started print.
    """
    for number in _STREAMS:
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number is free
    for number, name in _STREAMS.items():
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def _print_what_the_terminal_can() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class _Signals:
    """Exceptions in place of signals; in the main thread, which alone may hear of them.

    What this process was told to ignore, as nohup tells it, it ignores.

    Attributes:
        received: the first that came.
    """

    def __init__(self, is_last: bool):
        self.received: int | None = None
        self._next = 0.0
        self._is_last = is_last
        self._hears = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> _Signals:
        if self._hears:
            heard = [n for n in _SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._stop) for number in heard}
            self._hook, sys.unraisablehook = sys.unraisablehook, self._swallowed
        return self

    def __exit__(self, *_: object) -> None:
        if self._hears:
            sys.unraisablehook = self._hook
            for number, handler in self._before.items():
                signal.signal(number, signal.SIG_IGN if self._is_last else handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _AGAIN_SECONDS
        if self.received is None:
            self.received = number
        raise _StoppedError(number)

    def _swallowed(self, unraisable: Any) -> None:
        """A destructor can raise nothing: the signal comes once more, a moment later."""
        if isinstance(unraisable.exc_value, _StoppedError):
            self._next = 0.0
            threading.Timer(_REPEAT_SECONDS, os.kill, (os.getpid(), self.received)).start()
        else:
            self._hook(unraisable)


def _say(words: str) -> None:
    """Names in a message may be a stranger's."""
    from tfedge.terminal_text import readable_lines

    try:
        sys.stderr.write(f"tfedge: {readable_lines(words)}\n")
        sys.stderr.flush()
    except (OSError, AttributeError):  # then nobody hears of it
        _let_go_of(sys.stderr)


def _let_go_of(stream: Any) -> None:
    """Have a stream that cannot be written lead nowhere; Python flushes it once more at its end."""
    with suppress(OSError, AttributeError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _in_words(error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.filename is not None:
        return f"{error.filename}: {reason}"
    return f"output cannot be written: {reason}" if error.errno in _FULL else reason
