"""The `tfedge` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import tfedge
from tfedge.errors import TfedgeError
from tfedge.terminal_text import readable
from tfedge_converters.cli import calibrate, check, convert, diagnose, search, targets, verify

_DESCRIPTION = "Keras and TFLite models onto microcontrollers, computing the same numbers."

_EPILOG = """\
examples:
  tfedge targets
  tfedge convert kws.keras --target cortex-m4 --calibration samples.npz --output build/kws
  tfedge convert kws.tflite --target cortex-m4 --output build/kws
  tfedge check build/kws/kws.tflite --target edgetpu
  tfedge diagnose kws.keras --calibration samples.npz
  tfedge verify build/kws/kws.tflite
  tfedge verify kws.tflite --engine c --engine qemu:cortex-m4 --samples 8
"""

_COMMANDS = (convert, calibrate, check, verify, diagnose, search, targets)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status: 0, 1 for a mismatch, 2 for an error."""
    parser = argparse.ArgumentParser(
        prog="tfedge",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tfedge {tfedge.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    parsed = parser.parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
    except TfedgeError as error:
        print(f"tfedge: {_shown(error)}", file=sys.stderr)
        return 2
    return status


def _shown(error: TfedgeError) -> str:
    """Its message, in which names may be a stranger's."""
    return "\n".join(map(readable, str(error).splitlines()))
