"""Runs of edgetpu_compiler where it is installed (x86-64 Linux)."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from absl import logging

from tfedge.errors import MissingToolError, TfedgeError
from tfedge.file_sets import write_set
from tfedge.files import output_folder
from tfedge_converters.edgetpu.compiler_log import CompilerLog, failure, parse_log
from tfedge_converters.execute.tool import run_tool
from tfedge_converters.foreign_text import check_model_name

VARIABLE = "TFEDGE_EDGETPU_COMPILER"
PROGRAM = "edgetpu_compiler"

DEFAULT_SECONDS = 180
# The compiler watches its own time limit; this is for the case that it does not.
_GRACE_SECONDS = 10


@dataclass(frozen=True, eq=False)
class Compilation:
    """Files and log of a compilation.

    Attributes:
        name: of the files.
        flatbuffer: the compiled `.tflite` file.
        output: everything that the compiler printed and wrote into its log.
        log: the same, read.
    """

    name: str
    flatbuffer: bytes = field(repr=False)
    output: str = field(repr=False)
    log: CompilerLog = field(repr=False)

    def save(self, directory: str | Path, prediction: str | None = None) -> list[Path]:
        """Write NAME_edgetpu.tflite, NAME_edgetpu.log and what belongs to them.

        Args:
            directory: is made if need be.
            prediction: what was expected of the compiler, for NAME_prediction.json.

        Raises:
            TfedgeError: the folder cannot be made or written to.
        """
        files: dict[str, bytes | str] = {
            f"{self.name}_edgetpu.tflite": self.flatbuffer,
            f"{self.name}_edgetpu.log": self.output,
        }
        if prediction is not None:
            files[f"{self.name}_prediction.json"] = prediction
        folder = output_folder(directory)
        for notice in write_set(folder, f"{self.name}_edgetpu", files, {"name": self.name}):
            logging.warning("%s", notice)
        return [folder / name for name in sorted(files)]


def find_compiler() -> str:
    """The program's path: what TFEDGE_EDGETPU_COMPILER names, or the one on PATH.

    Raises:
        MissingToolError: there is none.
    """
    named = os.environ.get(VARIABLE)
    found = shutil.which(named or PROGRAM)
    if found is not None:
        return found
    if named:
        raise MissingToolError(f"{VARIABLE} names '{named}', which is no program")
    raise MissingToolError(
        f"{PROGRAM} is not installed. It is Google's, for x86-64 Linux: install it from Coral's "
        f"package repository (https://coral.ai/docs/edgetpu/compiler/), or name it in {VARIABLE}; "
        "tfedge check needs no compiler"
    )


def compile_model(
    flatbuffer: bytes, *, name: str = "model", seconds: int = DEFAULT_SECONDS
) -> Compilation:
    """Compile an integer `.tflite` file.

    Args:
        flatbuffer: the file, as `convert(target="edgetpu")` makes it.
        name: of the files, one that `foreign_text.check_model_name` takes.
        seconds: time limit.

    Raises:
        MissingToolError: there is no compiler.
        TfedgeError: it failed, took too long, or left no file; the message has its own words. Or
            files cannot be called so.
    """
    check_model_name(name)
    program = find_compiler()
    with tempfile.TemporaryDirectory(prefix="tfedge-") as folder:
        source = Path(folder) / f"{name}.tflite"
        source.write_bytes(flatbuffer)
        command = [program, "-s", "-t", str(seconds), "-o", folder, str(source)]
        printed = _run(command, folder, seconds)
        compiled = Path(folder) / f"{name}_edgetpu.tflite"
        if not compiled.is_file():
            raise TfedgeError(f"{PROGRAM} left no file: {_reason(printed)}")
        log = Path(folder) / f"{name}_edgetpu.log"
        output = printed + (log.read_text("utf-8", "replace") if log.is_file() else "")
        return Compilation(name, compiled.read_bytes(), output, parse_log(output))


def _run(command: list[str], folder: str, seconds: int) -> str:
    # It works in a child of its own, which holds its output open.
    done = run_tool(
        command,
        PROGRAM,
        seconds=seconds + _GRACE_SECONDS,
        folder=folder,
        advice="give it more, or make the model smaller",
    )
    if done.status:
        raise TfedgeError(f"{PROGRAM} failed (status {done.status}): {_reason(done.printed)}")
    return done.printed


def _reason(printed: str) -> str:
    """Its own words, and what is known of them."""
    said = failure(printed) or next(
        (line.strip() for line in reversed(printed.splitlines()) if line.strip()), "no output"
    )
    known = [advice for words, advice in _ADVICE.items() if words in printed]
    return "; ".join([said, *known[:1]])


# From answers in the issues of google-coral/edgetpu.
_ADVICE = {
    "large activation tensors": "make the input or the first layers smaller, or end the model "
    "before the largest activation",
    "dynamic-sized tensors": "write the file with batch 1 and no open sizes: tfedge convert "
    "--target edgetpu",
    "Internal compiler error": "it gives no reason; try a smaller input, or leave the last layers "
    "out one by one: tfedge check says which are doubtful",
    "not quantized": "quantise it: tfedge convert --target edgetpu",
    "Didn't find op for builtin opcode": "write the lowest operator versions: tfedge convert "
    "--target edgetpu",
}
