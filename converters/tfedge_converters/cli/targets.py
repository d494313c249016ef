"""The command `tfedge targets`."""

from __future__ import annotations

import argparse
from typing import Any

from tfedge_converters import targets

_EPILOG = """\
examples:
  tfedge targets
  tfedge targets stm32f4
  tfedge targets nrf52840
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "targets",
        help="list what models can be converted for",
        description="Lists the targets of 'tfedge convert'. Boards and parts know their flash and "
        "RAM: a model that does not fit is refused.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "name",
        nargs="?",
        help="a target, of which all is told that is known, its sources too; or a vendor, a family "
        "or the beginning of names",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one line a target, or all that is known of one."""
    from tfedge_converters.targets.details import details
    from tfedge_converters.targets.suggestions import belongs

    asked = arguments.name
    known = [targets.load(name) for name in targets.names()]
    found = [target for target in known if asked is None or belongs(target, asked)]
    if asked is not None and (asked in targets.names() or not found):
        print("\n".join(details(targets.load(asked))))
        return 0
    width = max(len(target.name) for target in found)
    for target in found:
        print(f"{target.name:<{width}}  {target.description}")
    return 0
