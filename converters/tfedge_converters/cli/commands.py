"""The commands of `tfedge` and how they are asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tfedge
from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge_converters.cli import (
    calibrate,
    check,
    convert,
    diagnose,
    flash,
    link,
    profile,
    search,
    targets,
    verify,
)
from tfedge_converters.cli import run as run_

_DESCRIPTION = "Keras and TFLite models onto microcontrollers, computing the same numbers."

_EPILOG = """\
examples:
  tfedge targets
  tfedge convert kws.keras --target cortex-m4 --calibration samples.npz --output build/kws
  tfedge convert kws.tflite --target cortex-m4 --output build/kws
  tfedge profile build/kws
  tfedge check build/kws/kws.tflite --target edgetpu
  tfedge diagnose kws.keras --calibration samples.npz
  tfedge verify build/kws/kws.tflite
  tfedge verify kws.tflite --engine c --engine qemu:cortex-m4 --samples 8
  tfedge run build/kws --board mps2-an386 --input x.npy
  tfedge flash build/kws --board nano33ble --port /dev/ttyACM0
"""

_COMMANDS = (
    convert,
    calibrate,
    check,
    verify,
    profile,
    run_,
    flash,
    link,
    diagnose,
    search,
    targets,
)


_UNSET = "a variable of the shell may be unset"


class _Parser(argparse.ArgumentParser):
    def _print_message(self, message: str, file: Any = None) -> None:
        """Argparse says nothing where help cannot be written."""
        if message:
            (file or sys.stderr).write(message)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Argparse lists what there is, and suggests nothing."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += near(value, map(str, action.choices or ()))
            raise

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Argparse leaves what a command does not know to the program, which knows no option."""
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            suggestion = near(unknown[0].partition("=")[0], self._option_string_actions)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{suggestion}")
        return parsed, unknown


def run(arguments: Sequence[str] | None) -> int:
    """Run what is asked for; return the exit status.

    Raises:
        TfedgeError: something is wrong with what was given.
        SystemExit: there is no such command or option, or it is help that is asked for.
    """
    parser = _Parser(
        prog="tfedge",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tfedge {tfedge.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    words = sys.argv[1:] if arguments is None else arguments
    _require_full_words(words)
    parsed = parser.parse_args(words)
    _require_current_folder()
    status: int = parsed.run(parsed)
    return status


def _require_full_words(words: Sequence[str]) -> None:
    """An empty path would be the current folder, and nothing else may be empty either."""
    for before, word in zip(["tfedge", *words], words, strict=False):
        if not word:
            raise TfedgeError(f"the argument behind '{before}' is empty; {_UNSET}")
        if word.startswith("--") and word.endswith("="):
            raise TfedgeError(f"the argument '{word}' is empty; {_UNSET}")


def _require_current_folder() -> None:
    """Programs that are started need one, and so does whatever makes a path absolute."""
    try:
        Path.cwd()
    except OSError:
        raise TfedgeError("the current folder is gone; change to one that exists") from None
