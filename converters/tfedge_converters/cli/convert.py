"""The command `tfedge convert`."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from tfedge.file_sets import refuse_foreign
from tfedge.files import output_folder
from tfedge_converters.cli.options import (
    METHOD_HELP,
    add_allow_code,
    add_input_shape,
    add_quantization,
    compiler_options,
    require_companions,
    shapes,
)
from tfedge_converters.cli.recovery_argument import add_recovery

_EPILOG = """\
A float model is quantised and needs --calibration: an .npz file with one array an input
(first axis: samples; a hundred or so, of what the device will see). An integer .tflite file keeps
its numbers. What cannot change an output is left out of both.

Files of an earlier conversion into the same folder are replaced; those that the new one has not are
deleted, unless somebody changed them. Other files there are left alone.

For a microcontroller the output folder holds NAME.tflite, NAME.h, NAME.c, the kernels that it uses,
a CMakeLists.txt, a self-test, and NAME_plan.json, which says what lies where in memory. Call
NAME_init, fill NAME_input, call NAME_invoke, read NAME_output; NAME.h says how much memory to
provide. For --target tflite-micro it holds the model as a C array and its operator resolver; for
Ethos-U (ethos-u55-128 and its like) the same of what Vela makes of it, with Vela's estimates.
--package lays generated C out as a library of a platform.

examples:
  tfedge convert kws.keras --target cortex-m4 --calibration samples.npz --output build/kws
  tfedge convert kws.tflite --target stm32f103c8 --output build/kws --optimize size
  tfedge convert kws.tflite --target cortex-m0plus --output kws --package arduino
  tfedge convert kws.tflite --target tflite-micro --output build/kws
  tfedge convert kws.tflite --target ethos-u55-128 --output build/kws
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
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
    parser.add_argument(
        "--calibration",
        metavar="NPZ",
        help="representative inputs, or what 'tfedge calibrate' wrote",
    )
    parser.add_argument("--calibration-method", metavar="METHOD", help=METHOD_HELP)
    add_quantization(
        parser,
        "integers of a float model: int8; int16x8: activations of 16 bits; int4: weights of 4; "
        "edgetpu: one scale for each dense layer (default: the target's, int8 for most). Real "
        "activations, for interpreters: float32; float16; dynamic and dynamic4: int8 and int4 "
        "weights that kernels compute with; dynamic4_b32, dynamic4_b64: int4 with a scale for so "
        "many of a dense layer, for XNNPACK alone; weights8, weights4: made real before use. For "
        "generated C without an FPU: dynamic_integer, 8 bits with exponents found at run time",
        None,
    )
    parser.add_argument(
        "--evaluation",
        metavar="NPZ",
        help="samples, and their labels as y: the model is measured before and after conversion",
    )
    parser.add_argument(
        "--metric",
        help="of the evaluation: accuracy, or what Keras calls a metric (default: accuracy)",
    )
    parser.add_argument(
        "--min-snr",
        type=float,
        default=15.0,
        metavar="DB",
        help="signal to noise that every output has to keep (default: 15)",
    )
    parser.add_argument(
        "--max-loss",
        type=float,
        metavar="PART",
        help="what the metric may lose (default: 0.01 of accuracy, a tenth of others)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="write nothing where these are not kept, or the data look wrong",
    )
    add_recovery(parser)
    parser.add_argument(
        "--name",
        help="prefix of files and C symbols, up to 24 characters (default: the file's name)",
    )
    for end in ("input", "output"):
        parser.add_argument(
            f"--{end}-type",
            choices=("int8", "uint8", "int16", "float32"),
            help="float32 to convert there; uint8: int8 plus 128 (default: the integers that the "
            "model computes with)",
        )
    parser.add_argument(
        "--optimize",
        choices=("speed", "balanced", "size", "ram", "flash"),
        default="balanced",
        help="which layers get code of their own: speed: all; balanced: those that take most of "
        "the time, and others where sharing would take more flash; size: only these. ram: as "
        "balanced, and the first layers are computed a few rows at a time where that makes the "
        "arena smaller. flash: as size, and weights in whichever form takes least, however long it "
        "takes to restore them (default: balanced)",
    )
    parser.add_argument(
        "--keep-constant-channels",
        action="store_true",
        help="keep channels whose integer cannot change, and those that nothing reads (default: "
        "they are added to biases, or left out, which changes no output)",
    )
    parser.add_argument(
        "--package",
        metavar="PLATFORM",
        help="lay generated C out for a platform's tools, with a demo, a README and a licence: "
        "arduino, cmake, cmsis-pack, esp-idf, micropython, platformio, stm32cube or zephyr",
    )
    parser.add_argument(
        "--plan",
        metavar="JSON",
        help="for generated C: a NAME_plan.json that an earlier conversion of this model wrote; "
        "everything lies where it says (default: the planner decides, and writes one)",
    )
    add_input_shape(parser)
    parser.add_argument(
        "--compiler-option",
        action="append",
        metavar="NAME=VALUE",
        help="for Ethos-U: an option of Vela, such as memory-mode=Sram_Only, optimise=Size or "
        "arena-cache-size=100000; repeat it for several",
    )
    add_allow_code(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Converts, saves and prints what it costs."""
    from tfedge_converters.backends import backend_named
    from tfedge_converters.conversion import convert
    from tfedge_converters.packages import package_for
    from tfedge_converters.targets import load
    from tfedge_converters.verify.written import CONVERSION

    require_companions(arguments, metric="evaluation", max_loss="evaluation")
    folder = output_folder(arguments.output)
    target = load(arguments.target)
    other_files = backend_named(target.backend).other_files
    if arguments.package is not None:
        other_files = package_for(arguments.package, target).other_files
    refuse_foreign(folder, CONVERSION, other_files)
    artifact = convert(
        arguments.model,
        target=arguments.target,
        quantization=arguments.quantization,
        calibration=arguments.calibration,
        calibration_method=arguments.calibration_method,
        recovery=arguments.recovery,
        name=arguments.name,
        input_type=arguments.input_type,
        output_type=arguments.output_type,
        optimize=arguments.optimize,
        input_shapes=shapes(arguments.input_shape),
        evaluation_data=arguments.evaluation,
        metric=arguments.metric,
        min_snr=arguments.min_snr,
        max_loss=arguments.max_loss,
        strict=arguments.strict,
        command=_command(arguments),
        compiler_options=compiler_options(arguments.compiler_option),
        allow_code=arguments.allow_code,
        fold_constant_channels=not arguments.keep_constant_channels,
        memory_plan=arguments.plan,
    )
    files = artifact.save(arguments.output, arguments.package)
    print(artifact.summary())
    print(f"{len(files)} files in {arguments.output}")
    return 0


def _command(arguments: argparse.Namespace) -> str:
    """The command without folders: the same input gives the same files wherever it lies."""
    parts = ["tfedge", "convert", Path(arguments.model).name, "--target", arguments.target]
    for option in _NAMED_IN_COMMAND:
        value = getattr(arguments, option)
        if value is not None and value != _DEFAULTS.get(option):
            text = Path(value).name if option in _FILES else value
            parts += [f"--{option.replace('_', '-')}", text]
    if arguments.recovery:
        parts += ["--recovery", ",".join(arguments.recovery)]
    for shape in arguments.input_shape or ():
        parts += ["--input-shape", shape]
    for switch in ("keep_constant_channels", "allow_code"):
        if getattr(arguments, switch):
            parts.append(f"--{switch.replace('_', '-')}")
    return shlex.join(parts)


_NAMED_IN_COMMAND = (
    "quantization", "calibration", "calibration_method", "name", "input_type", "output_type",
    "optimize", "package", "plan",
)  # fmt: skip

_FILES = ("calibration", "plan")

_DEFAULTS = {"optimize": "balanced"}
