"""Options that several commands have."""

from __future__ import annotations

import argparse
from typing import Any

from tfedge.errors import TfedgeError

METHOD_HELP = (
    "how ranges are found: minmax, moving_average, percentile (of 99.99), percentile:99.9 and its "
    "like, mse or entropy (default: minmax)"
)


def add_quantization(parser: argparse.ArgumentParser, help_: str, default: str | None) -> None:
    """Add --quantization: a scheme's name, or the file of one."""
    parser.add_argument(
        "--quantization",
        metavar="SCHEME",
        default=default,
        help=f"{help_}; or a .json file that 'tfedge search' wrote",
    )


def add_input_shape(parser: argparse.ArgumentParser) -> None:
    """Add --input-shape, to be read with `shapes`."""
    parser.add_argument(
        "--input-shape",
        action="append",
        metavar="N,N,...",
        help="shape of an input without the batch, where the model leaves sizes open; repeat it "
        "for several inputs",
    )


def add_allow_code(parser: argparse.ArgumentParser) -> None:
    """Add the option --allow-code."""
    parser.add_argument(
        "--allow-code",
        action="store_true",
        help="run code that the model's file brings or asks for, such as Lambda layers; only for "
        "files that you trust (docs/security.md)",
    )


def add_place(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add --board, --port and --baud, to be read with `place_of`."""
    where = parser.add_mutually_exclusive_group(required=required)
    where.add_argument("--board", metavar="NAME", help="one that QEMU has, e.g. mps2-an386")
    where.add_argument(
        "--port",
        metavar="PATH",
        help="the serial port of a board that the folder was flashed to, e.g. /dev/ttyACM0",
    )
    parser.add_argument("--baud", type=int, help="bits a second of --port (default: 115200)")


def place_of(arguments: argparse.Namespace) -> Any:
    """The place that --board or --port gave; None if neither was given."""
    from tfedge_converters.board.places import Place

    require_companions(arguments, baud="port")
    if arguments.board is None and arguments.port is None:
        return None
    asked = {} if arguments.baud is None else {"baud": arguments.baud}
    return Place(arguments.board, arguments.port, **asked)


def require_companions(arguments: argparse.Namespace, **companions: str) -> None:
    """Refuse options that say something of another, where that was not given.

    Args:
        arguments: what was given; None stands for what was not.
        companions: by an option's name, that of the other.

    Raises:
        TfedgeError: names both.
    """
    for option, other in companions.items():
        if getattr(arguments, option) is not None and getattr(arguments, other) is None:
            named = option.replace("_", "-")
            raise TfedgeError(
                f"--{named} is of --{other}, which is not given; give it too, or leave "
                f"--{named} out"
            )


def shapes(texts: list[str] | None) -> list[tuple[int, ...]] | None:
    """The shapes that --input-shape gave; None if it was not given.

    Raises:
        TfedgeError: one is no list of sizes.
    """
    if texts is None:
        return None
    try:
        found = [tuple(int(size) for size in text.split(",")) for text in texts]
        if any(size < 1 for shape in found for size in shape):
            raise ValueError
        return found
    except ValueError:
        raise TfedgeError(
            f"--input-shape {' '.join(texts)}: give sizes with commas between, e.g. 49,10,1"
        ) from None


def compiler_options(texts: list[str] | None) -> dict[str, str | bool]:
    """The options that --compiler-option gave, by name; True where there is no value."""
    pairs = (text.partition("=") for text in texts or ())
    return {name: value if equals else True for name, equals, value in pairs}
