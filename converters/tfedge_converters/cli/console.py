"""Where tables are printed."""

from __future__ import annotations

import rich.console

from tfedge.result import Result


class Console(rich.console.Console):
    """Standard output for texts as they are: names in them are no markup."""

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False, emoji=False)

    def show(self, result: Result) -> None:
        """Print all that there is to say of a result, tables as wide as the terminal."""
        for section in result.sections():
            self.print(section, soft_wrap=isinstance(section, str))

    def on_broken_pipe(self) -> None:
        """Leave it to the command, where rich would exit with the status of a mismatch."""
        raise BrokenPipeError
