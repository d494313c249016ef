"""The command `tfedge search`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tfedge.files import output_file
from tfedge.quantization.schemes import write_scheme
from tfedge_converters.cli.options import add_allow_code, add_quantization

_EPILOG = """\
Prints the width that every layer's weights get, why, and the Pareto front of flash and noise; with
--activation-bits, what activations get, and the front of the arena and noise.
--output writes the scheme as JSON: Scheme.from_config(json.load(file)) reads it for tfedge.convert.

examples:
  tfedge search kws.tflite --calibration samples.npz --target tflite --flash 24000
  tfedge search kws.tflite --calibration samples.npz --target cortex-m4 --ram 20000 \\
      --activation-bits 8,16
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "search",
        help="choose how many bits each layer's weights get within a budget",
        description="Chooses widths, layer by layer, with least noise within a budget.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", help="a float model: .keras, .h5, .tflite, SavedModel folder")
    parser.add_argument("--calibration", required=True, metavar="NPZ", help="representative inputs")
    parser.add_argument("--target", default="host", help="see 'tfedge targets' (default: host)")
    add_quantization(parser, "scheme (default: int8)", "int8")
    for option, what in (
        ("flash", "bytes of constants of the generated C, or of the .tflite file"),
        ("ram", "bytes of the arena of the generated C"),
        ("bit-operations", "bits of weights times bits of activations, over all multiplications"),
    ):
        parser.add_argument(f"--{option}", type=int, metavar="N", help=f"at most: {what}")
    parser.add_argument(
        "--activation-bits",
        type=_widths,
        metavar="N,N",
        help="what activations may have, 8,16 to choose (default: what the scheme has)",
    )
    parser.add_argument("--output", metavar="JSON", help="file for the scheme")
    add_allow_code(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print tables, and write the scheme if asked."""
    from tfedge_converters.cli.console import Console
    from tfedge_converters.search import search_widths

    if arguments.output is not None:
        output_file(arguments.output, arguments.model, arguments.calibration)
    found = search_widths(
        arguments.model,
        calibration=arguments.calibration,
        target=arguments.target,
        quantization=arguments.quantization,
        flash=arguments.flash,
        ram=arguments.ram,
        bit_operations=arguments.bit_operations,
        activation_bits=arguments.activation_bits,
        allow_code=arguments.allow_code,
    )
    if arguments.output:
        write_scheme(Path(arguments.output), found.scheme)
    Console().show(found)
    return 0


def _widths(given: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in given.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{given}' is no list of widths such as 8,16") from None
