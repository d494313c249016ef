"""The command `tfedge profile`."""

from __future__ import annotations

import argparse
from typing import Any

from tfedge_converters.cli.options import add_allow_code, add_input_shape, add_quantization, shapes

_EPILOG = """\
Flash and stack are those of C that is compiled and linked for the core at -O2, instructions are
counted in QEMU. Without the compiler or QEMU they come from a cost model, and the report says so.
Milliseconds are bounds, from the core's timings, the part's clock and its flash; energy is given
where a data sheet says what running takes. 'tfedge targets NAME' has these figures and their
sources.

A float model is quantised for the report alone, with made-up ranges unless --calibration is given.

examples:
  tfedge profile build/kws                             # a folder that convert wrote, for its target
  tfedge profile build/kws --target stm32f103c8        # the same model on another part
  tfedge profile kws.keras --target nrf52840
  tfedge profile kws.tflite --target cortex-m55 --json
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "profile",
        help="measure flash, RAM, instructions, time and energy on a device, layer by layer",
        description="Measures what a model takes of a microcontroller, layer by layer.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model",
        help="a folder that convert wrote, a .keras, .h5 or .tflite file, or a SavedModel folder",
    )
    parser.add_argument(
        "--target", help="a core or a part, see 'tfedge targets' (default: the folder's)"
    )
    parser.add_argument(
        "--optimize",
        choices=("speed", "balanced", "size", "flash"),
        help="which layers get code of their own, see 'tfedge convert' (default: the folder's, or "
        "balanced)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument(
        "--calibration", metavar="NPZ", help="representative inputs of a float model"
    )
    add_quantization(parser, "of a float model (default: the target's, int8 for most)", None)
    add_input_shape(parser)
    add_allow_code(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report."""
    from tfedge_converters.cli.console import Console
    from tfedge_converters.profile import profile

    report = profile(
        arguments.model,
        target=arguments.target,
        optimize=arguments.optimize,
        quantization=arguments.quantization,
        calibration=arguments.calibration,
        input_shapes=shapes(arguments.input_shape),
        allow_code=arguments.allow_code,
    )
    if arguments.json:
        print(report.json(), end="")
    else:
        Console().show(report)
    return 0
