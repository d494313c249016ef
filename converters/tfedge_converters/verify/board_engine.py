"""A board as one of the engines that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from tfedge.errors import MissingToolError
from tfedge_converters.board.places import Place
from tfedge_converters.board.running import difference_from_host, run_samples
from tfedge_converters.execute.program import CProgram
from tfedge_converters.interpreters import Outputs, Sample

# What engines that are boards are called by, see `Place`.
PLACES = ("board:", "port:")


class BoardEngine:
    """Runs generated C on a board, and layer by layer against the same C on this computer.

    Attributes:
        name: of the engine.
        difference: the first layer in which the two differ, in words; empty if none does, or
            before it has run.
    """

    def __init__(self, place: Place, program: CProgram) -> None:
        self.name = str(place)
        self.difference = ""
        self._place = place
        self._program = program

    def __call__(self, flatbuffer: bytes, samples: Sequence[Sample], sequence: int) -> Outputs:
        """The board's outputs.

        Raises:
            BoardError: it cannot be reached, runs another model, gives no answer or fails.
            MissingToolError: what builds or runs QEMU's firmware is not installed.
        """
        with self._place.opened(self._program) as port:
            run = run_samples(port, self._program, samples, sequence)
        # Without a compiler for this computer, outputs are compared with the truth all the same.
        with suppress(MissingToolError):
            self.difference = difference_from_host(run, self._program, samples, sequence)
        return run.outputs
