"""The command `tfedge verify`."""

from __future__ import annotations

import argparse
from typing import Any

from tfedge_converters.cli.options import add_input_shape, add_place, place_of, shapes

_EPILOG = """\
Engines: tflite-micro, stepwise (operator by operator: TFLite Micro's kernel, or LiteRT's reference
where it has none), litert-reference, litert (with XNNPACK, as phones run it), c (generated and
compiled for this computer) and qemu:CORE (firmware in QEMU, e.g. qemu:cortex-m4). The truth is
TFLite Micro's reference arithmetic, and stepwise where TFLite Micro cannot run the model. The C
must equal the truth in every bit: the exit status is 1 if it does not, or if it or an engine that
--engine names could not be run. LiteRT may differ for known reasons.

Of a folder that 'tfedge convert' wrote, the C is verified as it lies there: it is compiled, its
self-test runs, and its constants are compared with those of the model. Files that are missing, that
somebody changed, or that are left of other conversions are named. Folders for TFLite Micro and
Ethos-U have no kernels in C: their .tflite file is verified, and it is said what else was compared.

With --board or --port the C on a board is compared too, with the truth and, layer by layer, with
the same C on this computer.

examples:
  tfedge verify kws.tflite
  tfedge verify build/kws
  tfedge verify kws.tflite --inputs samples.npz
  tfedge verify build/kws --port /dev/ttyACM0
  tfedge verify build/kws --board mps2-an386 --samples 8
  tfedge verify kws.tflite --engine c --engine qemu:cortex-m4 --samples 8
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "verify",
        help="compare LiteRT, TFLite Micro and the compiled C, bit for bit",
        description="Runs a model on several engines and compares every output bit.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", help="a .tflite file, or a folder that convert wrote")
    parser.add_argument("--inputs", metavar="NPZ", help="samples (default: random ones)")
    parser.add_argument("--samples", type=int, default=100, help="random samples (default: 100)")
    parser.add_argument(
        "--sequence",
        type=int,
        default=50,
        metavar="SAMPLES",
        help="of a model that keeps its state: samples between two resets (default: 50)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the random samples (default: 0)")
    parser.add_argument(
        "--engine", action="append", metavar="NAME", help="repeat it for several (default: all)"
    )
    add_place(parser, required=False)
    add_input_shape(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a table; the status is 1 unless all was run and generated C equals the truth."""
    from tfedge_converters.cli.console import Console
    from tfedge_converters.verify import verify

    result = verify(
        arguments.model,
        arguments.inputs,
        samples=arguments.samples,
        sequence=arguments.sequence,
        seed=arguments.seed,
        engines=arguments.engine,
        board=place_of(arguments),
        input_shapes=shapes(arguments.input_shape),
    )
    Console().show(result)
    return 0 if result.passed and not result.not_run else 1
