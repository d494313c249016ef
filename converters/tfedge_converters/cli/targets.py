"""The command `tfedge targets`."""

from __future__ import annotations

import argparse
from typing import Any

from tfedge_converters import targets


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "targets",
        help="list what models can be converted for",
        description="Lists the targets of 'tfedge convert'. Boards know their flash and RAM: a "
        "model that does not fit is refused.",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one line a target."""
    known = [targets.load(name) for name in targets.names()]
    width = max(len(target.name) for target in known)
    for target in known:
        print(f"{target.name:<{width}}  {target.description}")
    return 0
