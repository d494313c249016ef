"""Compiles generated C for this machine and runs it."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

from tfedge_converters.execute.errors import ExecutionError
from tfedge_converters.execute.program import CProgram
from tfedge_converters.execute.samples import decode_outputs, encode_samples, output_byte_size
from tfedge_converters.execute.subject import write_subject_header
from tfedge_converters.execute.toolchain import (
    HARNESS_DIRECTORY,
    STRICT_C99,
    ScratchDirectory,
    compile_program,
    excerpt,
    find_tool,
)

_COMPILERS = ("cc", "gcc", "clang")
_SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_EXECUTABLE = "program"
_SOURCES = (HARNESS_DIRECTORY / "harness.c", HARNESS_DIRECTORY / "host" / "main.c")


def build_host(
    program: CProgram,
    *,
    compiler: str | None = None,
    flags: Sequence[str] = (),
    sanitize: bool = False,
) -> HostProgram:
    """Compiles a model for this machine, with every warning an error.

    Args:
        program: the generated C.
        compiler: a C compiler that takes gcc's options; cc, gcc or clang if not given.
        flags: put behind tfedge's own (C99, -O2), so that they win.
        sanitize: stop at undefined behaviour and at access outside of any object.

    Raises:
        MissingToolError: there is no C compiler.
        ExecutionError: the C does not compile; the message has the compiler's words.
    """
    names = _COMPILERS if compiler is None else (compiler,)
    command: list[str | Path] = [find_tool(names, "gcc"), *STRICT_C99]
    command += _SANITIZERS if sanitize else ()
    command += flags
    scratch = ScratchDirectory()
    write_subject_header(program, scratch.path)
    command += [f"-I{path}" for path in (program.directory, HARNESS_DIRECTORY, scratch.path)]
    command += [*program.sources, *_SOURCES, "-lm", "-o", scratch.path / _EXECUTABLE]
    compile_program(command, program.name)
    return HostProgram(program, scratch)


class HostProgram:
    """A model compiled for this machine. Its temporary files go when this object does."""

    def __init__(self, program: CProgram, scratch: ScratchDirectory) -> None:
        self.program = program
        self._scratch = scratch

    def run(
        self, samples: Iterable[Sequence[np.ndarray]], sequence: int | None = None
    ) -> list[list[np.ndarray]]:
        """Runs the model on each sample, in one process and one model context.

        Args:
            samples: for each sample one array a model input, of its exact shape and dtype.
                May be a generator: one sample is taken at a time.
            sequence: how many consecutive samples are one sequence, for a model that keeps its
                state; None: all are one.

        Returns:
            For each sample one array a model output.

        Raises:
            TfedgeError: a sample does not fit the model's inputs.
            ExecutionError: the model crashed, returned an error or was stopped by a sanitizer.
        """
        with tempfile.TemporaryFile() as errors, self._start("run", errors) as process:
            try:
                encoded = encode_samples(self.program, samples, sequence)
                outputs = self._exchange(process, encoded, errors)
            except BaseException:
                process.kill()
                raise
            if process.wait() != 0:
                raise self._failure(process, errors)
            return outputs

    def self_test(self) -> int:
        """What the generated self-test returns: 0 if the outputs are those it was made with.

        Raises:
            ExecutionError: it crashed or was stopped by a sanitizer.
        """
        with tempfile.TemporaryFile() as errors, self._start("self-test", errors) as process:
            printed, _ = process.communicate()
            if process.returncode != 0:
                raise self._failure(process, errors)
            return int(printed)

    def _start(self, mode: str, errors: IO[bytes]) -> subprocess.Popen[bytes]:
        command: list[str | Path] = [self._scratch.path / _EXECUTABLE, mode]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors)

    def _exchange(
        self,
        process: subprocess.Popen[bytes],
        samples: Iterable[bytes],
        errors: IO[bytes],
    ) -> list[list[np.ndarray]]:
        """Sends a sample, takes its outputs, sends the next.

        The harness reads a whole sample before it writes, so the two never wait for each other.
        """
        assert process.stdin is not None and process.stdout is not None
        size = output_byte_size(self.program)
        outputs = []
        with suppress(BrokenPipeError), process.stdin as to_harness:
            for sample in samples:
                with suppress(BrokenPipeError):
                    to_harness.write(sample)
                    to_harness.flush()
                data = process.stdout.read(size)
                if len(data) < size:
                    raise self._failure(process, errors)
                outputs.append(decode_outputs(self.program, data))
        return outputs

    def _failure(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> ExecutionError:
        """The error for a process that ended, or is about to, before it had done its work."""
        code = process.wait()
        errors.seek(0)
        words = excerpt(errors.read().decode(errors="replace"))
        return ExecutionError(
            f"the compiled C of model '{self.program.name}' {_describe_end(code)}"
            + (f": {words}" if words else "")
        )


def _describe_end(code: int) -> str:
    if code < 0:
        return f"crashed with {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
