"""`tfedge convert`."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from tfedge.errors import TfedgeError
from tfedge.quantization.schemes import SCHEMES
from tfedge_converters.cli.recovery_argument import add_recovery

_EPILOG = """\
A float model is quantised and needs --calibration: an .npz file with one array an input
(first axis: samples; a hundred or so, of what the device will see). An integer .tflite file is
taken as it is.

For a microcontroller the output folder holds NAME.tflite, NAME.h, NAME.c, the kernels that it uses,
a CMakeLists.txt and a self-test. Call NAME_init, fill NAME_input, call NAME_invoke, read
NAME_output; NAME.h says how much memory to provide. For --target tflite-micro it holds the model
as a C array and its operator resolver.

examples:
  tfedge convert kws.keras --target cortex-m4 --calibration samples.npz --output build/kws
  tfedge convert kws.tflite --target stm32f103c8 --output build/kws --optimize size
  tfedge convert kws.tflite --target tflite-micro --output build/kws
"""


def add_parser(commands: Any) -> None:
    """Adds the command to the parser's."""
    parser = commands.add_parser(
        "convert",
        help="convert a Keras or .tflite model for a target",
        description="Converts a Keras or .tflite model for a target.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", help="a .keras, .h5 or .tflite file, or a SavedModel folder")
    parser.add_argument("--target", default="host", help="see 'tfedge targets' (default: host)")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder to write to")
    parser.add_argument("--calibration", metavar="NPZ", help="representative inputs")
    parser.add_argument(
        "--quantization",
        choices=tuple(SCHEMES),
        default="int8",
        help="integers of a float model: 8 bits; int16x8: activations of 16; int4: weights of 4; "
        "edgetpu: one scale for each dense layer (default: int8)",
    )
    add_recovery(parser)
    parser.add_argument("--name", help="prefix of files and C symbols (default: the file's name)")
    for end in ("input", "output"):
        parser.add_argument(
            f"--{end}-type",
            choices=("int8", "int16", "float32"),
            help="float32 to convert there (default: the integers that the model computes with)",
        )
    parser.add_argument(
        "--optimize",
        choices=("speed", "balanced", "size"),
        default="balanced",
        help="which layers get code of their own (default: balanced)",
    )
    parser.add_argument(
        "--input-shape",
        action="append",
        metavar="N,N,...",
        help="shape of an input without the batch, where the model leaves sizes open; repeat it "
        "for several inputs",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Converts, saves and prints what it costs."""
    from tfedge_converters.conversion import convert

    artifact = convert(
        arguments.model,
        target=arguments.target,
        quantization=arguments.quantization,
        calibration=arguments.calibration,
        recovery=arguments.recovery,
        name=arguments.name,
        input_type=arguments.input_type,
        output_type=arguments.output_type,
        optimize=arguments.optimize,
        input_shapes=_shapes(arguments.input_shape),
        progress=sys.stderr.isatty(),
        command=_command(arguments),
    )
    files = artifact.save(arguments.output)
    print(artifact.summary())
    print(f"{len(files)} files in {arguments.output}")
    return 0


def _shapes(texts: list[str] | None) -> list[tuple[int, ...]] | None:
    if texts is None:
        return None
    try:
        return [tuple(int(size) for size in text.split(",")) for text in texts]
    except ValueError:
        raise TfedgeError(
            f"--input-shape {' '.join(texts)}: give sizes with commas between, e.g. 49,10,1"
        ) from None


def _command(arguments: argparse.Namespace) -> str:
    """The command without folders: the same input gives the same files wherever it lies."""
    parts = ["tfedge", "convert", Path(arguments.model).name, "--target", arguments.target]
    for option in ("quantization", "calibration", "name", "input_type", "output_type", "optimize"):
        value = getattr(arguments, option)
        if value is not None and value != _DEFAULTS.get(option):
            text = Path(value).name if option == "calibration" else value
            parts += [f"--{option.replace('_', '-')}", text]
    if arguments.recovery:
        parts += ["--recovery", ",".join(arguments.recovery)]
    for shape in arguments.input_shape or ():
        parts += ["--input-shape", shape]
    return shlex.join(parts)


_DEFAULTS = {"quantization": "int8", "optimize": "balanced"}
