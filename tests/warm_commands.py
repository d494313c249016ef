"""The `tfedge` command, and scripts, in processes of their own, forked from one with Keras.

Importing it takes most of what a small command takes. Nothing else has run in that process.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tfedge_converters.cli import main

_WARM = multiprocessing.get_context("forkserver")


def run_tfedge(arguments: Sequence[str]) -> tuple[int, str]:
    """What `tfedge ARGUMENTS` ends with in the present folder: its exit status, and its output."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        process = _started(_command, arguments, Path.cwd(), output)
        process.join()
        assert process.exitcode is not None
        return process.exitcode, output.read_text("utf-8")


def start_script(script: Path, *arguments: str) -> BaseProcess:
    """`python SCRIPT ARGUMENTS`, which may import what lies beside the script."""
    return _started(_script, script, arguments)


def _started(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    _WARM.set_forkserver_preload(["keras", "tfedge_converters.cli.commands"])
    process = _WARM.Process(target=target, args=arguments)
    process.start()
    return process


def _script(script: Path, arguments: Sequence[str]) -> None:
    sys.path.insert(0, str(script.parent))
    sys.argv = [str(script), *arguments]
    runpy.run_path(str(script), run_name="__main__")


def _command(arguments: Sequence[str], folder: Path, output: Path) -> None:
    os.chdir(folder)
    with output.open("w") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    sys.argv = ["tfedge", *arguments]
    sys.exit(main())
