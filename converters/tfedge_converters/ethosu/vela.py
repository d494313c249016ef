"""Runs of Vela, in a process of its own: it ends some models with a crash."""

from __future__ import annotations

import csv
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfedge.errors import MissingToolError, TfedgeError, UnsupportedError
from tfedge.files import MALFORMED
from tfedge.terminal_text import readable
from tfedge_converters.ethosu.compiled import Compiled
from tfedge_converters.ethosu.settings import VelaSettings
from tfedge_converters.execute.tool import run_tool
from tfedge_converters.graph import read_model, write_model
from tfedge_converters.targets import Target

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
        TfedgeError: an option is wrong, or the result does not fit the device.
    """
    require_vela()
    given = _options(VelaSettings(**target.settings["vela"]), options or {})
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
    command = [sys.executable, "-m", "ethosu.vela", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    done = run_tool(command, "Vela", seconds=_SECONDS, environment=environment)
    if done.status == 0 and "Failed to parse" not in done.stdout:
        return done.stdout
    said = [line.strip() for line in done.printed.splitlines() if line.strip()]
    last = said[-1] if said else "no message"
    if done.status < 0:
        last = f"it {done.end}"
    if "usage: vela" in done.printed or "CliOptionError" in last or "ConfigOptionError" in last:
        raise TfedgeError(f"Vela does not take these options: {last}")
    raise UnsupportedError(f"Vela does not compile the model: {last}")


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
