"""The command `tfedge flash`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_EPILOG = """\
Of a folder that 'tfedge convert' wrote, an Arduino sketch is made that serves the model's link, and
built for the board by arduino-cli or PlatformIO, whichever is installed. A folder that is a project
already (a sketch, platformio.ini, a Zephyr or ESP-IDF application, CMake with an executable) is
built as it is, by its own tool. The board is flashed by that tool, or by openocd, pyocd, st-flash,
dfu-util, esptool or picotool. What is not installed is named, with the command to type.

A board that is flashed so is run by 'tfedge run', and verified by 'tfedge verify'.

examples:
  tfedge flash build/kws --board nano33ble --port /dev/ttyACM0
  tfedge flash build/kws --board nucleo-l4r5zi --tool st-flash
  tfedge flash build/kws --board pico --project build/sketch
  tfedge flash my_firmware --board nucleo-h743zi --image my_firmware/build/app.elf
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "flash",
        help="build firmware that serves a model, and flash it to a board",
        description="Builds by the platform's own tool, and flashes by one that is installed.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", help="that convert wrote, or a project")
    parser.add_argument("--board", required=True, metavar="NAME", help="e.g. nano33ble")
    parser.add_argument("--port", metavar="PATH", help="of the board, e.g. /dev/ttyACM0")
    parser.add_argument("--tool", metavar="NAME", help="flashes (default: one that is installed)")
    parser.add_argument("--image", metavar="FILE", help="flash this, and build nothing")
    parser.add_argument("--project", metavar="DIR", help="keep the sketch in this folder")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Build and flash, and print the commands that did."""
    from tfedge.files import check_readable, output_folder
    from tfedge_converters.board.flashing import flash
    from tfedge_converters.cli.console import Console
    from tfedge_converters.run_on_board import program_in

    image = None if arguments.image is None else Path(arguments.image)
    if image is not None:
        check_readable(image)
    project = None if arguments.project is None else output_folder(arguments.project)
    folder = Path(arguments.folder)
    flashed = flash(
        folder,
        lambda: program_in(folder),
        arguments.board,
        port=arguments.port,
        image=image,
        tool=arguments.tool,
        project=project,
    )
    Console().show(flashed)
    return 0
