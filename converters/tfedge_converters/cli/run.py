"""The command `tfedge run`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tfedge.files import output_file
from tfedge_converters.cli.options import add_place, place_of

_EPILOG = """\
Of a folder that 'tfedge convert' wrote, the C runs on a board of QEMU's, which is built for it, or
on a board at a serial port that 'tfedge flash' has flashed with it. What each layer makes is
compared with the same C on this computer; the first one that differs is named.

exit status: 0; 1 if the board differs from this computer; 2 for an error

examples:
  tfedge run build/kws --board mps2-an386 --input x.npy
  tfedge run build/kws --port /dev/ttyACM0 --input x.npy --output y.npz
  tfedge run build/kws --board virt-rv32 --json
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "run",
        help="run a converted model on a board, or on one of QEMU's",
        description="Runs generated C on a board: outputs, and what each layer takes.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", help="that convert wrote, for a microcontroller")
    add_place(parser, required=True)
    parser.add_argument(
        "--input",
        metavar="FILE",
        help=".npy or .npz of the model's input types, one sample or several along the first axis "
        "(default: one random sample)",
    )
    parser.add_argument("--output", metavar="NPZ", help="write the outputs, by their names")
    parser.add_argument(
        "--sequence",
        type=int,
        metavar="SAMPLES",
        help="of a model that keeps its state: samples between two resets (default: all)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print outputs and layers; the status is 1 if the board differs from this computer."""
    from tfedge.array_files import npz_bytes
    from tfedge.atomic_writing import write_atomically
    from tfedge_converters.cli.console import Console
    from tfedge_converters.early_checks import check_positive
    from tfedge_converters.run_on_board import run_on_board

    check_positive(sequence=arguments.sequence)
    if arguments.output is not None:
        output_file(arguments.output)
    report = run_on_board(
        arguments.folder, place_of(arguments), arguments.input, sequence=arguments.sequence
    )
    if arguments.output is not None:
        write_atomically(Path(arguments.output), npz_bytes(report.outputs))
    if arguments.json:
        print(report.json(), end="")
    else:
        Console().show(report)
    return 1 if report.difference else 0
