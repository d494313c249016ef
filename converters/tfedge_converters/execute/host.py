"""Generated C compiled for this machine and run."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np

from tfedge_converters.execute.errors import ExecutionError
from tfedge_converters.execute.program import CProgram
from tfedge_converters.execute.samples import decode_outputs, encode_samples, output_byte_size
from tfedge_converters.execute.subject import write_subject_header
from tfedge_converters.execute.tool import (
    describe_end,
    read_words,
    running,
    watched,
)
from tfedge_converters.execute.toolchain import (
    HARNESS_DIRECTORY,
    STRICT_C99,
    ScratchDirectory,
    compile_program,
    excerpt,
    find_tool,
)

_COMPILERS = ("cc", "gcc", "clang")
SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_EXECUTABLE = "program"
_RESULT_BYTES = 100
_MOST_WORDS_BYTES = 1 << 16
_MOST_PRINTED_BYTES = 1 << 26

# Until the compiled C has computed a sample; models of microcontrollers take milliseconds.
SAMPLE_SECONDS = 300.0
_SOURCES = (HARNESS_DIRECTORY / "harness.c", HARNESS_DIRECTORY / "host" / "main.c")


def build_host(
    program: CProgram,
    *,
    compiler: str | None = None,
    flags: Sequence[str] = (),
    sanitize: bool = False,
) -> HostProgram:
    """Compile a model for this machine, with every warning an error.

    Args:
        program: the generated C.
        compiler: a C compiler that takes gcc's options; cc, gcc or clang if not given.
        flags: put behind tfedge's own (C99, -O2), so that they win.
        sanitize: stop at undefined behaviour and at access outside of any object.

    Raises:
        MissingToolError: there is no C compiler.
        ExecutionError: the C does not compile; the message has the compiler's words.
    """
    command: list[str | Path] = [find_compiler(compiler), *STRICT_C99]
    command += SANITIZERS if sanitize else ()
    command += flags
    scratch = ScratchDirectory()
    write_subject_header(program, scratch.path)
    command += [f"-I{path}" for path in (program.directory, HARNESS_DIRECTORY, scratch.path)]
    command += [*program.sources, *_SOURCES, "-lm", "-o", scratch.path / _EXECUTABLE]
    compile_program(command, program.name, scratch.path / _EXECUTABLE)
    return HostProgram(program, scratch)


def find_compiler(name: str | None = None) -> str:
    """The path of a C compiler for this machine.

    Args:
        name: its name; None for cc, gcc or clang.

    Raises:
        MissingToolError: there is none.
    """
    return find_tool(_COMPILERS if name is None else (name,), "gcc")


class HostProgram:
    """A model compiled for this machine. Its temporary files go when this object does."""

    def __init__(self, program: CProgram, scratch: ScratchDirectory) -> None:
        self.program = program
        self._scratch = scratch

    def run(
        self, samples: Iterable[Sequence[np.ndarray]], sequence: int | None = None
    ) -> list[list[np.ndarray]]:
        """Run the model on each sample, in one process and one model context.

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
        with tempfile.TemporaryFile() as errors, self._started("run", errors) as process:
            encoded = encode_samples(self.program, samples, sequence)
            with watched(process, self._title, SAMPLE_SECONDS) as answered:
                outputs = self._exchange(process, encoded, errors, answered)
                if process.wait() != 0:
                    raise self._failure(process, errors)
            return outputs

    def self_test(self) -> int:
        """Run the generated self-test: 0 if the outputs are those it was made with.

        Raises:
            ExecutionError: it crashed or was stopped by a sanitizer.
        """
        with tempfile.TemporaryFile() as errors, self._started("self-test", errors) as process:
            with watched(process, self._title, SAMPLE_SECONDS):
                assert process.stdout is not None
                printed = process.stdout.read(_RESULT_BYTES)
                if process.wait() != 0:
                    raise self._failure(process, errors)
            try:
                return int(printed)
            except ValueError:
                raise ExecutionError(f"{self._title} printed no result of its self-test") from None

    @property
    def _title(self) -> str:
        return f"the compiled C of model '{self.program.name}'"

    @contextmanager
    def _started(self, mode: str, errors: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        command: list[str | Path] = [self._scratch.path / _EXECUTABLE, mode]
        pipe = subprocess.PIPE
        with running(
            command,
            self._title,
            most_file_bytes=_MOST_PRINTED_BYTES,
            stdin=pipe,
            stdout=pipe,
            stderr=errors,
        ) as process:
            yield process

    def _exchange(
        self,
        process: subprocess.Popen[bytes],
        samples: Iterable[bytes],
        errors: IO[bytes],
        answered: Callable[[], None],
    ) -> list[list[np.ndarray]]:
        """Send a sample, take its outputs, send the next.

        The harness reads a whole sample before it writes, so the two never wait for each other.
        """
        assert process.stdin is not None and process.stdout is not None
        size = output_byte_size(self.program)
        outputs = []
        try:
            for sample in samples:
                with suppress(BrokenPipeError):
                    process.stdin.write(sample)
                    process.stdin.flush()
                data = process.stdout.read(size)
                if len(data) < size:
                    raise self._failure(process, errors)
                outputs.append(decode_outputs(self.program, data))
                answered()
        finally:
            with suppress(BrokenPipeError):  # which would hide the failure
                process.stdin.close()
        return outputs

    def _failure(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> ExecutionError:
        """The error for a process that ended, or is about to, before it had done its work."""
        code = process.wait()
        words = excerpt(read_words(errors, _MOST_WORDS_BYTES))
        return ExecutionError(
            f"{self._title} {describe_end(code)}" + (f": {words}" if words else "")
        )
