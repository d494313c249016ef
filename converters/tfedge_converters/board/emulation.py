"""Boards that need no hardware: QEMU's, and this computer as if it were one."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tfedge_converters.board.device_files import link_files, linked_sources
from tfedge_converters.board.ports import Port
from tfedge_converters.execute.cores import Core
from tfedge_converters.execute.firmware import BASE_SOURCES, link_firmware, qemu_command
from tfedge_converters.execute.host import SANITIZERS, find_compiler
from tfedge_converters.execute.program import CProgram
from tfedge_converters.execute.tool import describe_end, read_words, running
from tfedge_converters.execute.toolchain import (
    STRICT_C99,
    ScratchDirectory,
    compile_program,
    excerpt,
)

_EMULATED = Path(__file__).parent / "emulated"
_MOST_WORDS_BYTES = 1 << 16


class EmulatedBoard:
    """A model's firmware for QEMU. Its temporary files go when this object does."""

    def __init__(self, program: CProgram, core: Core) -> None:
        """Build the firmware.

        Raises:
            MissingToolError: the cross compiler, its C library or QEMU is not installed.
            ExecutionError: the C does not compile.
        """
        self._scratch = ScratchDirectory()
        self._elf = _build_firmware(program, core, self._scratch.path)
        self._machine = core.machine
        self._title = f"{core.machine.name} with the firmware of model '{program.name}'"

    @contextmanager
    def opened(self) -> Iterator[Port]:
        """A stream to a machine of its own.

        Raises:
            MissingToolError: QEMU is not installed.
        """
        host_side, board_side = os.openpty()
        try:
            import tty  # which Windows lacks

            tty.setraw(board_side)
            chardev = f"serial,id=link,path={os.ttyname(board_side)}"
            options = ("-chardev", chardev, "-serial", "chardev:link")
            command = qemu_command(self._machine, self._elf, options)
            with _started(command, self._title, subprocess.DEVNULL) as (_, ended):
                yield Port(self._title, host_side, host_side, ended)
        finally:
            os.close(host_side)
            os.close(board_side)


class HostBoard:
    """The same C for this computer. Its temporary files go when this object does."""

    def __init__(self, program: CProgram, *, sanitize: bool = False) -> None:
        """Build the program.

        Args:
            program: the model.
            sanitize: stop at undefined behaviour and at access outside of any object.

        Raises:
            MissingToolError: there is no C compiler.
            ExecutionError: the C does not compile.
        """
        self._scratch = ScratchDirectory()
        self._executable = _build_host(program, self._scratch.path, SANITIZERS if sanitize else ())
        self._title = f"the compiled C of model '{program.name}'"

    @contextmanager
    def opened(self) -> Iterator[Port]:
        """A stream to a process of its own."""
        with _started([self._executable], self._title, subprocess.PIPE) as (process, ended):
            assert process.stdin is not None and process.stdout is not None
            yield Port(self._title, process.stdout.fileno(), process.stdin.fileno(), ended)


@contextmanager
def _started(
    command: Sequence[str | Path], title: str, pipe: int
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str | None]]]:
    """A program, and what says how it has ended."""
    with (
        tempfile.TemporaryFile() as words,
        running(command, title, stdin=pipe, stdout=pipe, stderr=words) as process,
    ):
        yield process, lambda: _end(process, words)


def _end(process: subprocess.Popen[bytes], words: IO[bytes]) -> str | None:
    status = process.poll()
    if status is None:
        return None
    said = excerpt(read_words(words, _MOST_WORDS_BYTES))
    return f"it {describe_end(status)}" + (f": {said}" if said else "")


def _build_firmware(program: CProgram, core: Core, folder: Path) -> Path:
    _write_link(program, folder)
    uart = core.machine.uart
    options = [f"-I{path}" for path in (folder, _EMULATED)]
    options += [f"-DUART_ADDRESS={uart.address:#x}u"]
    options += [f"-DTICKS_PER_SECOND={core.machine.clock_hz}u"]
    own = [_EMULATED / name for name in ("main.c", f"uart_{uart.kind}.c")]
    sources = [*linked_sources(program, folder), *own, *BASE_SOURCES]
    return link_firmware(program, core, sources, options, folder)


def _build_host(program: CProgram, folder: Path, flags: Sequence[str]) -> Path:
    _write_link(program, folder)
    executable = folder / "program"
    command: list[str | Path] = [find_compiler(), *STRICT_C99, *flags]
    command += [f"-I{path}" for path in (program.directory, folder)]
    command += [*linked_sources(program, folder), _EMULATED / "host.c", "-lm", "-o", executable]
    compile_program(command, program.name, executable)
    return executable


def _write_link(program: CProgram, folder: Path) -> None:
    for name, text in link_files(program).items():
        (folder / name).write_text(text, "utf-8")
