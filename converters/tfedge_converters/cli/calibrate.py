"""The command `tfedge calibrate`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tfedge.files import output_file
from tfedge_converters.cli.options import (
    METHOD_HELP,
    add_allow_code,
    add_input_shape,
    add_quantization,
    shapes,
)

_EPILOG = """\
Writes what was seen of the activations, from which 'tfedge convert --calibration' finds ranges
without the data. Memory does not grow with the data; give them in several files, one after the
other, with --resume.

examples:
  tfedge calibrate kws.keras --data monday.npz --method percentile:99.9 --output seen.npz
  tfedge calibrate kws.keras --data tuesday.npz --resume seen.npz --output seen.npz
  tfedge convert kws.keras --calibration seen.npz --output build/kws
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "calibrate",
        help="watch a float model on representative data, for conversions to come",
        description="Runs a float model on representative data and saves what was seen.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", help="a .keras, .h5 or float .tflite file, or a SavedModel folder")
    parser.add_argument("--data", required=True, metavar="NPZ", help="representative inputs")
    parser.add_argument("--output", required=True, metavar="FILE", help=".npz file to write")
    parser.add_argument("--resume", metavar="FILE", help="a file to go on with")
    parser.add_argument("--method", metavar="METHOD", help=METHOD_HELP)
    add_quantization(parser, "what the model will be quantised to (default: int8)", None)
    add_input_shape(parser)
    add_allow_code(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Calibrates, saves and prints how much was seen."""
    from tfedge_converters.calibrate_model import calibrate

    output_file(arguments.output, arguments.model, arguments.data)
    calibration = calibrate(
        arguments.model,
        arguments.data,
        method=arguments.method,
        quantization=arguments.quantization,
        resume=arguments.resume,
        input_shapes=shapes(arguments.input_shape),
        allow_code=arguments.allow_code,
    )
    calibration.save(Path(arguments.output))
    print(f"{calibration.samples:,} samples in {arguments.output}, by {calibration.method}")
    return 0
