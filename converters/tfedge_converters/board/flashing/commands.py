"""Commands of build systems and flash tools, run one after the other."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from tfedge_converters.execute.errors import ExecutionError
from tfedge_converters.execute.tool import run_tool
from tfedge_converters.execute.toolchain import excerpt

# A first build makes the platform's whole library.
_SECONDS = 1800.0


class Commands:
    """Runs commands, one after the other.

    Attributes:
        typed: those that were run, as one would type them.
    """

    def __init__(self) -> None:
        self.typed: list[str] = []

    def run(self, command: Sequence[str], folder: Path | None = None) -> None:
        """Run a command to its end.

        Args:
            command: the path of a program, and its arguments.
            folder: where it runs.

        Raises:
            ExecutionError: it fails; the message has what one would type, and its words.
        """
        self.typed.append(shlex.join([Path(command[0]).name, *command[1:]]))
        title = Path(command[0]).name
        run = run_tool(command, title, seconds=_SECONDS, folder=folder)
        if run.status != 0:
            raise ExecutionError(
                f"{title} {run.end}; it was run as '{self.typed[-1]}' and said: "
                f"{excerpt(run.printed) or 'nothing'}"
            )
