"""Finding external programs and running compilers."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

from tfedge.errors import MissingToolError
from tfedge_converters.execute.cores import Toolchain
from tfedge_converters.execute.errors import ExecutionError
from tfedge_converters.execute.tool import run_tool

HARNESS_DIRECTORY = Path(__file__).parent / "harness"

# What generated C promises to compile with; no warning is a small one on a device.
STRICT_C99 = (
    *("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror"),
    "-O2",
)

# A damaged header is thousands of them, each a page long.
_STOP_AT_ERRORS = "-Wfatal-errors"

# A model of megabytes compiles in seconds; others may want the processor too.
COMPILE_SECONDS = 600.0
_ASK_SECONDS = 60.0
_MESSAGE_CHARACTERS = 4000


class ScratchDirectory:
    """A temporary directory that goes when this object does."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="tfedge-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def find_tool(names: Sequence[str], debian_packages: str) -> str:
    """The path of the first program of `names` that is installed.

    Raises:
        MissingToolError: none is; the message names the Debian packages to install.
    """
    for name in names:
        if path := shutil.which(name):
            return path
    raise missing_tool(" or ".join(names), debian_packages)


def missing_tool(what: str, debian_packages: str) -> MissingToolError:
    """The error to raise where `what` is not installed."""
    return MissingToolError(
        f"{what} not found; on Debian or Ubuntu: apt-get install {debian_packages}"
    )


def find_program(toolchain: Toolchain, name: str) -> str:
    """The path of a program of a cross compiler.

    Raises:
        MissingToolError: it is not installed.
    """
    return find_tool([toolchain.prefix + name], toolchain.packages)


def find_gcc(toolchain: Toolchain) -> str:
    """The path of a cross compiler that has its C library.

    Raises:
        MissingToolError: it or its library is not installed.
    """
    gcc = find_program(toolchain, "gcc")
    # gcc repeats the bare name of a file that it does not find.
    if ask_tool([gcc, f"--print-file-name={toolchain.specs}"]).strip() == toolchain.specs:
        what = f"{toolchain.library}, the C library of {toolchain.prefix}gcc,"
        raise missing_tool(what, toolchain.packages)
    return gcc


def compile_program(
    command: Sequence[str | Path], model: str, output: Path, folder: Path | None = None
) -> None:
    """Run a compiler.

    Args:
        command: its command line.
        model: what messages call the model.
        output: what it has to make.
        folder: where it runs; None: here.

    Raises:
        ExecutionError: it rejects a source, makes nothing, cannot be run, or takes too long; the
            message has what it said.
    """
    compiler = Path(command[0]).name
    run = run_tool(
        [command[0], _STOP_AT_ERRORS, *command[1:]],
        f"the compiler {compiler}",
        seconds=COMPILE_SECONDS,
        folder=folder,
    )
    if run.status != 0:
        words = excerpt(run.printed) or f"it {run.end} and said nothing"
        raise ExecutionError(f"the C of model '{model}' does not compile with {compiler}: {words}")
    if not output.is_file():
        raise ExecutionError(
            f"the compiler {compiler} made nothing of the C of model '{model}', and said that all "
            "went well; is it a C compiler?"
        )


def ask_tool(command: Sequence[str | Path]) -> str:
    """Return the output of a program that looks something up.

    Raises:
        ExecutionError: it fails.
    """
    title = Path(command[0]).name
    run = run_tool(command, title, seconds=_ASK_SECONDS)
    if run.status != 0:
        raise ExecutionError(f"{title} {run.end}: {excerpt(run.printed) or 'it said nothing'}")
    return run.stdout


def excerpt(text: str) -> str:
    """A program's words, shortened where they would bury the message that quotes them."""
    text = text.strip()
    if len(text) <= _MESSAGE_CHARACTERS:
        return text
    return f"{text[:_MESSAGE_CHARACTERS]} [...]"
