"""The `tfedge` command in processes of their own, forked from one that has imported Keras.

Importing it takes most of what a small command takes. Nothing else has run in that process.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tfedge_converters.cli import main

_WARM = multiprocessing.get_context("forkserver")


def run_tfedge(arguments: Sequence[str]) -> tuple[int, str]:
    """What `tfedge ARGUMENTS` ends with in the present folder: its exit status, and its output."""
    _WARM.set_forkserver_preload(["keras", "tfedge_converters.cli.commands"])
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        process = _WARM.Process(target=_command, args=(arguments, Path.cwd(), output))
        process.start()
        process.join()
        assert process.exitcode is not None
        return process.exitcode, output.read_text("utf-8")


def _command(arguments: Sequence[str], folder: Path, output: Path) -> None:
    os.chdir(folder)
    with output.open("w") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    sys.argv = ["tfedge", *arguments]
    sys.exit(main())
