"""Runs of Vela, in a process of its own: it ends some models with a crash."""

from __future__ import annotations

import csv
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from tfedge.errors import MissingToolError, TfedgeError, UnsupportedError
from tfedge.files import MALFORMED
from tfedge.terminal_text import readable
from tfedge_converters.ethosu.compiled import Compiled
from tfedge_converters.ethosu.settings import VelaSettings
from tfedge_converters.execute.tool import ToolRun, run_tool
from tfedge_converters.graph import read_model, write_model
from tfedge_converters.targets import Target

# A model that is not there: Vela looks at its options before it opens it.
_MISSING = "no_such_model.tflite"

_CHOSEN_HERE = {
    "output_dir": "the files that Vela writes are read back, and lie beside the others",
    "output_format": "the file that Vela writes is read back, and goes to TFLite Micro",
}

_CONFIGURATION = "Arm/vela.ini"  # which Vela brings along

# Vela quotes nothing in its tables.
_NOT_OF_A_CELL = re.compile('[,"]')

# Its search for a schedule of the largest models takes minutes.
_SECONDS = 1800.0


def require_vela() -> None:
    """Refuse to go on without Vela.

    Raises:
        MissingToolError: it is not installed.
    """
    try:
        found = importlib.util.find_spec("ethosu.vela")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise MissingToolError(
            "Vela, which compiles for Ethos-U, is not installed: pip install 'tfedge[ethosu]'"
        )


def checked_options(target: Target, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options of a run of Vela; Vela itself says whether it takes them.

    Args:
        target: one with settings for Vela.
        options: as for `compile_model`.

    Raises:
        MissingToolError: Vela is not installed.
        TfedgeError: Vela does not take one of them, or it is not for users to choose.
    """
    require_vela()
    given = _options(VelaSettings(**target.settings["vela"]), options or {})
    for name, reason in _CHOSEN_HERE.items():
        if any(option and name.startswith(option) for option in given):  # as Vela abbreviates
            raise TfedgeError(f"Vela's option {name} is not to choose: {reason}; leave it out")
    refusal = _refusal(tuple(_flags(given)))
    if refusal:
        asked = ", ".join(f"{name}={value}" for name, value in (options or {}).items())
        raise TfedgeError(
            f"Vela does not take these options, {asked or target.name}: {refusal}; "
            "'vela --help' lists them"
        )
    return given


@lru_cache(maxsize=64)
def _refusal(flags: tuple[str, ...]) -> str:
    """Vela's words against options; none where all that it misses is the model's file."""
    with tempfile.TemporaryDirectory() as folder:
        done = _vela([str(Path(folder, _MISSING)), "--output-dir", folder, *flags])
    if done.status == 0:
        return "with them it prints something and ends"
    last = _last_line(done)
    return "" if _MISSING in last else last


def compile_model(
    flatbuffer: bytes, target: Target, options: Mapping[str, Any] | None = None
) -> Compiled:
    """Compile an integer model for a target's NPU.

    Args:
        flatbuffer: a .tflite file.
        target: one with settings for Vela.
        options: of Vela's command line without dashes in front, over the target's own:
            {"memory_mode": "Sram_Only", "optimise": "Size", "arena_cache_size": 100_000}. True is
            for options without a value.

    Raises:
        MissingToolError: Vela is not installed.
        UnsupportedError: Vela does not compile the model.
        TfedgeError: an option is wrong (see `checked_options`), or the result does not fit the
            device.
    """
    given = checked_options(target, options)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "model.tflite")
        source.write_bytes(_with_tabular_names(flatbuffer))
        log = _run([str(source), "--output-dir", folder, "--verbose-performance", *_flags(given)])
        compiled = Compiled(
            flatbuffer=_file(folder, "model_vela.tflite").read_bytes(),
            summary_csv=_text(folder, "model_summary_*.csv"),
            layers_csv=_text(folder, "model_per-layer.csv"),
            log=log,
        )
    try:
        compiled.report()
    except (*MALFORMED, csv.Error) as error:
        raise TfedgeError(f"Vela left estimates that cannot be read: {error!r}") from error
    _check_memory(compiled, target, given.get("arena_cache_size"))
    return compiled


def _with_tabular_names(flatbuffer: bytes) -> bytes:
    """The same model, whose names neither end a line nor a cell: Vela writes tables of them."""
    model = read_model(flatbuffer)
    tensors = [tensor for graph in model.graphs for tensor in graph.tensors()]
    names = [_NOT_OF_A_CELL.sub("_", readable(tensor.name)) for tensor in tensors]
    if names == [tensor.name for tensor in tensors]:
        return flatbuffer
    for tensor, name in zip(tensors, names, strict=True):
        tensor.name = name
    return write_model(model)


def _options(settings: VelaSettings, options: Mapping[str, Any]) -> dict[str, Any]:
    named = {name.replace("-", "_"): value for name, value in options.items()}
    return {"config": _CONFIGURATION, **vars(settings), **named}


def _flags(options: Mapping[str, Any]) -> list[str]:
    flags = []
    for name, value in options.items():
        flags.append(f"--{name.replace('_', '-')}")
        flags += [] if value is True else [str(value)]
    return flags


def _run(arguments: list[str]) -> str:
    done = _vela(arguments)
    if done.status == 0 and "Failed to parse" not in done.stdout:
        return done.stdout
    raise UnsupportedError(f"Vela does not compile the model: {_last_line(done)}")


def _vela(arguments: list[str]) -> ToolRun:
    command = [sys.executable, "-m", "ethosu.vela", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    return run_tool(command, "Vela", seconds=_SECONDS, environment=environment)


def _last_line(done: ToolRun) -> str:
    if done.status < 0:
        return f"it {done.end}"
    said = [line.strip() for line in done.printed.splitlines() if line.strip()]
    return said[-1] if said else "no message"


def _text(folder: str, pattern: str) -> str:
    return _file(folder, pattern).read_text("utf-8", "replace")


def _file(folder: str, pattern: str) -> Path:
    found = sorted(Path(folder).glob(pattern))
    if not found:
        raise TfedgeError(f"Vela said that all went well, and left no {pattern}")
    return found[0]


def _check_memory(compiled: Compiled, target: Target, cache: Any) -> None:
    limits = (
        ("SRAM", compiled.sram_bytes, target.ram_bytes, f"{target.name} has"),
        ("SRAM", compiled.sram_bytes, cache and int(cache), "arena_cache_size is"),
        ("flash", compiled.flash_bytes, target.flash_bytes, f"{target.name} has"),
    )
    for memory, needed, limit, whose in limits:
        if limit is not None and needed > limit:
            raise TfedgeError(
                f"the model needs {needed:,} bytes of {memory}, and {whose} {limit:,}; try Vela's "
                "option optimise=Size, another memory_mode, or a smaller model"
            )
