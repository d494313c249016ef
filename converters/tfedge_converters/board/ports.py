"""Streams of bytes to a board: serial ports, and pipes and terminals of programs."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tfedge.files import reason_of
from tfedge_converters.board.errors import BoardError

try:
    import fcntl
    import termios
except ImportError:  # on Windows
    termios = None  # type: ignore[assignment]

DEFAULT_BAUD = 115_200

_CHUNK = 1 << 16
_SLICE_SECONDS = 0.05
_WRITE_SECONDS = 10.0
_ENDING_SECONDS = 2.0
# What boards are called by systems that run tfedge.
_PATTERNS = ("serial/by-id/*", "ttyACM*", "ttyUSB*", "cu.usb*")


class Port:
    """A stream in both directions.

    Attributes:
        title: what messages call what is at its end.
    """

    def __init__(
        self, title: str, reads: int, writes: int, ended: Callable[[], str | None] | None = None
    ) -> None:
        """Take open file descriptors, which stay the caller's.

        Args:
            title: what messages call what is at its end.
            reads: to read from.
            writes: to write to.
            ended: how what is at its end has come to an end, in words; None while it has not.
        """
        self.title = title
        self._reads = reads
        self._writes = writes
        self._ended = ended

    def read(self, until: float) -> bytes:
        """Wait for a byte at least, and return what has come; empty if none has until then.

        Args:
            until: of `time.monotonic`.

        Raises:
            BoardError: nothing can come any more.
        """
        while True:
            left = until - time.monotonic()
            ready, _, _ = select.select([self._reads], [], [], min(max(left, 0), _SLICE_SECONDS))
            if ready:
                data = self._read_some()
                if data:
                    return data
                raise self._gone("it has hung up")
            words = self._ended() if self._ended is not None else None
            if words is not None:
                raise self._gone(words)
            if left <= 0:
                return b""

    def write(self, data: bytes) -> None:
        """Send all bytes.

        Raises:
            BoardError: nobody takes them.
        """
        until = time.monotonic() + _WRITE_SECONDS
        while data:
            _, ready, _ = select.select([], [self._writes], [], _SLICE_SECONDS)
            if ready:
                data = data[self._write_some(data) :]
            elif time.monotonic() > until:
                raise BoardError(f"{self.title} has taken no bytes for {_WRITE_SECONDS:g} s")

    def _write_some(self, data: bytes) -> int:
        try:
            return os.write(self._writes, data)
        except BlockingIOError:  # there is room for some, and not for so many
            return 0
        except OSError as error:
            raise self._gone(reason_of(error)) from None

    def _read_some(self) -> bytes:
        try:
            return os.read(self._reads, _CHUNK)
        except OSError as error:
            raise self._gone(reason_of(error)) from None

    def _gone(self, words: str) -> BoardError:
        """Say why; a process may close its pipes a little before it has ended."""
        until = time.monotonic() + _ENDING_SECONDS
        ended = None
        while self._ended is not None and ended is None and time.monotonic() < until:
            ended = self._ended()
            time.sleep(_ENDING_SECONDS / 100)
        return BoardError(f"{self.title} is gone: {ended or words}")


@contextmanager
def serial_port(path: str, baud: int = DEFAULT_BAUD) -> Iterator[Port]:
    """Open a serial port as a stream of plain bytes, of 8 bits without parity.

    Args:
        path: of its device file.
        baud: bits a second; USB CDC takes any.

    Raises:
        BoardError: there is none, somebody else has it, or it does not know the rate.
    """
    if termios is None:
        raise BoardError("serial ports can be opened on Linux and macOS alone")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise BoardError(f"{path}: cannot be opened: {reason_of(error)}{_advice()}") from None
    try:
        _take(descriptor, path)
        _make_raw(descriptor, path, baud)
        yield Port(f"the board at {path}", descriptor, descriptor)
    finally:
        with suppress(OSError):
            os.close(descriptor)


def ports_here() -> list[str]:
    """Serial ports that seem to have a board at their end."""
    found = (str(path) for pattern in _PATTERNS for path in sorted(Path("/dev").glob(pattern)))
    return list(found)


def _advice() -> str:
    found = ports_here()
    return f"; ports here: {', '.join(found)}" if found else "; no board seems to be plugged in"


def _take(descriptor: int, path: str) -> None:
    """Let nobody else have the port who asks, as programs for serial ports do."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BoardError(f"{path}: another program talks with it; end that first") from None
    except OSError as error:
        raise BoardError(f"{path}: cannot be locked: {reason_of(error)}") from None


def _make_raw(descriptor: int, path: str, baud: int) -> None:
    speed = getattr(termios, f"B{baud}", None)
    if not speed:  # B0 hangs up
        raise BoardError(f"{path}: {baud} is no rate of serial ports; 115200 is the usual one")
    try:
        settings = termios.tcgetattr(descriptor)
        # Without HUPCL, closing the port resets no board.
        control = termios.CS8 | termios.CREAD | termios.CLOCAL
        settings[:6] = [0, 0, control, 0, speed, speed]
        settings[6][termios.VMIN], settings[6][termios.VTIME] = 1, 0
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)
        termios.tcflush(descriptor, termios.TCIOFLUSH)
    except termios.error as error:
        reason = error.args[-1] if error.args else "it is none"
        raise BoardError(f"{path}: is no serial port: {reason}{_advice()}") from None
