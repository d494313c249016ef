"""The command `tfedge link`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tfedge.files import output_folder

_EPILOG = """\
For firmware of one's own: tfedge_link.h says how to serve the model there. Compile the files that
this writes, and those of the folder but for NAME.c, in whose place NAME_linked.c stands.

example:
  tfedge link build/kws --output my_firmware/link
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "link",
        help="write the C by which firmware of one's own serves 'run' and 'verify'",
        description="Writes the device part of the link between a board and tfedge.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", help="that convert wrote, for a microcontroller")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder to write to")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the files and print their names."""
    from tfedge.file_sets import write_set
    from tfedge_converters.board.device_files import LINK, link_files
    from tfedge_converters.run_on_board import program_in

    folder = output_folder(arguments.output)
    program = program_in(Path(arguments.folder))
    files = link_files(program)
    for notice in write_set(folder, LINK, files, {"name": program.name}):
        print(notice)
    print(f"{', '.join(sorted(files))} in {folder}")
    return 0
