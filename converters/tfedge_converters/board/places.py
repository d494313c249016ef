"""Where a board is: at a port of this computer, or in QEMU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tfedge.errors import TfedgeError
from tfedge_converters.board.boards import emulated_core
from tfedge_converters.board.emulation import EmulatedBoard
from tfedge_converters.board.ports import DEFAULT_BAUD, Port, serial_port
from tfedge_converters.execute.program import CProgram


@dataclass(frozen=True)
class Place:
    """Where a board is; one of both.

    Attributes:
        board: the name of one that QEMU has.
        port: the device file of a serial port.
        baud: bits a second of the port.
    """

    board: str | None = None
    port: str | None = None
    baud: int = DEFAULT_BAUD

    @classmethod
    def of(cls, board: str | Place) -> Place:
        """A place by what users call it: a board of QEMU's, or the path of a port."""
        if isinstance(board, Place):
            return board
        if not isinstance(board, str):
            raise TfedgeError(
                f"a board is given by its name, or by the path of its port, not as {board!r}"
            )
        return cls(port=board) if "/" in board else cls(board=board)

    def __str__(self) -> str:
        return f"board:{self.board}" if self.port is None else f"port:{self.port}"

    def check(self) -> None:
        """Look whether there is such a board, as far as that is known before it is reached.

        Raises:
            TfedgeError: there is none, or it is hardware and no port is given.
        """
        if self.port is None:
            emulated_core(str(self.board))

    @contextmanager
    def opened(self, program: CProgram) -> Iterator[Port]:
        """A stream to the board, which serves the model's link.

        Args:
            program: what QEMU is to run; a board at a port runs what it was flashed with.

        Raises:
            BoardError: the port cannot be opened.
            MissingToolError: what builds or runs QEMU's firmware is not installed.
            ExecutionError: the C does not compile.
        """
        if self.port is not None:
            with serial_port(self.port, self.baud) as port:
                yield port
            return
        with EmulatedBoard(program, emulated_core(str(self.board))).opened() as port:
            yield port
