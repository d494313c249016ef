"""The `tfedge` command."""

from __future__ import annotations

from collections.abc import Sequence

from tfedge_converters.cli.manners import well_mannered


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status.

    That is 0; 1 for a mismatch; 2 for an error; 128 and the number of the signal that stopped it.

    Args:
        arguments: None for those of this process, which ends with the command.
    """

    def command() -> int:
        from tfedge_converters.cli.commands import run  # which takes longer than a reflex

        return run(arguments)

    return well_mannered(command, is_last=arguments is None)
