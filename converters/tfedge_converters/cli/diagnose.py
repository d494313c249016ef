"""The command `tfedge diagnose`."""

from __future__ import annotations

import argparse
from typing import Any

from tfedge.files import output_folder
from tfedge_converters.cli.options import add_allow_code, add_quantization
from tfedge_converters.cli.recovery_argument import add_recovery

_EPILOG = """\
Columns: the signal-to-noise ratio of each activation in the integer model against the float one;
that of the layer with nothing else quantised, at its own result and at the model's output; and its
share of all such noise at the output. More decibels are better; 6 dB are one bit. Numbers and names
are those of 'tfedge convert', generated C and schemes. Branches that are concatenated to an output
count alike, however large they are.

examples:
  tfedge diagnose kws.tflite --calibration samples.npz
  tfedge diagnose kws.keras --calibration samples.npz --quantization int4 --output build/diagnosis
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "diagnose",
        help="show where accuracy goes when a model is quantised",
        description="Compares the integer model with the float one, layer by layer.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", help="a float model: .keras, .h5, .tflite, SavedModel folder")
    parser.add_argument("--calibration", required=True, metavar="NPZ", help="representative inputs")
    add_quantization(parser, "scheme (default: int8)", "int8")
    add_recovery(parser)
    parser.add_argument("--samples", type=int, default=64, help="to compare on (default: 64)")
    parser.add_argument("--output", metavar="DIR", help="folder for tables (CSV, JSON) and figures")
    add_allow_code(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a table, and write files if asked."""
    from tfedge_converters.cli.console import Console
    from tfedge_converters.diagnosis import diagnose

    if arguments.output is not None:
        output_folder(arguments.output)
    diagnosis = diagnose(
        arguments.model,
        calibration=arguments.calibration,
        quantization=arguments.quantization,
        recovery=arguments.recovery,
        samples=arguments.samples,
        allow_code=arguments.allow_code,
    )
    Console().show(diagnosis)
    if arguments.output is not None:
        files = diagnosis.save(arguments.output)
        print(f"{len(files)} files in {arguments.output}")
    return 0
