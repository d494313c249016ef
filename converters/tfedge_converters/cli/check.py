"""The command `tfedge check`."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfedge.errors import TfedgeError
from tfedge.files import output_file, output_folder
from tfedge_converters import targets
from tfedge_converters.cli.options import (
    add_allow_code,
    add_input_shape,
    require_companions,
    shapes,
)

_EPILOG = """\
An integer .tflite file is checked as it is. A float model is quantised for the report, with made-up
ranges: what is mapped does not depend on them. The compiler of the accelerator's vendor is not
needed.

exit status: 0; with --strict 1 if something stays on the CPU; 2 for an error

examples:
  tfedge check kws.tflite --target edgetpu
  tfedge check kws.keras --target edgetpu --html build/kws.html
  tfedge check kws.tflite --target ./my_npu.json --json
  tfedge check kws.tflite --compile build/kws
  tfedge check kws_edgetpu.tflite                      # what a compiled file holds
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "check",
        help="say what an accelerator will compute of a model, and what to change",
        description="Says which operators an accelerator computes, why not the others, and what "
        "would help.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", help="a .tflite, .keras or .h5 file, or a SavedModel folder")
    parser.add_argument(
        "--target",
        default="edgetpu",
        help="a target with an accelerator, or the path of a target file (default: edgetpu)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--html", metavar="FILE", help="write an HTML page too")
    parser.add_argument(
        "--rewrite",
        metavar="FILE",
        help="write the model with all exact changes that help, and check that",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 if something stays on the CPU"
    )
    edge = parser.add_argument_group("Edge TPU")
    edge.add_argument(
        "--compile",
        metavar="DIR",
        help="run edgetpu_compiler, keep its file and log beside the prediction, and compare them",
    )
    edge.add_argument("--seconds", type=int, help="time limit of --compile (default: 180)")
    edge.add_argument(
        "--compiled", metavar="FILE", help="compare the prediction with this compiled file"
    )
    edge.add_argument(
        "--tpus", type=int, metavar="N", help="propose how to cut the model for N TPUs in a row"
    )
    add_input_shape(parser)
    add_allow_code(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report and write what is asked for."""
    from tfedge_converters.check import check
    from tfedge_converters.early_checks import check_positive
    from tfedge_converters.edgetpu.compiled_file import is_compiled, read_compiled
    from tfedge_converters.edgetpu.compiler import find_compiler
    from tfedge_converters.edgetpu.pipelining import propose_segments
    from tfedge_converters.edgetpu.wording import compiled_text, segments_text
    from tfedge_converters.graph import write_file

    page = None if arguments.html is None else _page(arguments.html)
    for given in (page, arguments.rewrite):
        if given is not None:
            output_file(given, arguments.model, arguments.compiled)
    if page is not None and arguments.rewrite is not None and page == Path(arguments.rewrite):
        raise TfedgeError(f"{page}: --html and --rewrite name one file; name another for one")
    check_positive(seconds=arguments.seconds, tpus=arguments.tpus)
    require_companions(arguments, seconds="compile")
    _require_edge_tpu(arguments)
    if arguments.compile is not None:
        output_folder(arguments.compile)
        find_compiler()
    compiled = read_compiled(arguments.compiled) if arguments.compiled is not None else None
    if is_compiled(arguments.model):
        print(compiled_text(read_compiled(arguments.model), Path(arguments.model).name), end="")
        return 0

    report = check(
        arguments.model,
        target=arguments.target,
        input_shapes=shapes(arguments.input_shape),
        rewrite=arguments.rewrite is not None,
        allow_code=arguments.allow_code,
    )
    additions = []
    if arguments.tpus is not None:
        segments = propose_segments(report.mapping, report.memory, arguments.tpus)
        additions.append(segments_text(segments))
    if arguments.rewrite is not None:
        write_file(report.model, Path(arguments.rewrite))
    if page is not None:
        report.save(page)
    print(report.json() if arguments.json else report.text(), end="")
    for words in itertools.chain(additions, _comparisons(report, compiled, arguments)):
        print(f"\n{words}", end="", file=sys.stderr if arguments.json else sys.stdout)
    return int(arguments.strict and not report.all_mapped)


def _page(given: str) -> Path:
    """Return the path of the page, whose name says that it is one."""
    return output_file(given).with_suffix(".html")


def _require_edge_tpu(arguments: argparse.Namespace) -> None:
    """Refuse options of the Edge TPU where the target is another."""
    given = [option for option in _OF_EDGE_TPU if getattr(arguments, option) is not None]
    if not given:
        return
    target = targets.load(arguments.target)
    if target.accelerator is None or target.accelerator.name != _EDGE_TPU:
        raise TfedgeError(
            f"--{given[0]} is for the Edge TPU, and the target is {target.name}; leave one of both "
            "out"
        )


_OF_EDGE_TPU = ("compile", "compiled", "tpus")
_EDGE_TPU = "Edge TPU"


def _comparisons(report: Any, compiled: Any, arguments: argparse.Namespace) -> Iterator[str]:
    """Return what the compiler has done beside what was predicted, where that is asked for."""
    from tfedge_converters.edgetpu.comparison import compare_compiled, compare_log
    from tfedge_converters.edgetpu.compiler import compile_model
    from tfedge_converters.foreign_text import model_name
    from tfedge_converters.graph import write_model

    if compiled is not None:
        yield compare_compiled(report, compiled).text()
    if arguments.compile is not None:
        name = model_name(report.name)
        limit = {} if arguments.seconds is None else {"seconds": arguments.seconds}
        compilation = compile_model(write_model(report.model), name=name, **limit)
        compilation.save(arguments.compile, prediction=report.json())
        yield compare_log(report, compilation.log).text()
