"""Generated C compiled for a core and run in QEMU."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge_converters.execute.cores import CORES, Core, Machine
from tfedge_converters.execute.errors import ExecutionError
from tfedge_converters.execute.firmware_result import FirmwareResult, parse_results
from tfedge_converters.execute.firmware_sizes import FirmwareSizes, model_sizes
from tfedge_converters.execute.program import CProgram
from tfedge_converters.execute.samples import encode_samples
from tfedge_converters.execute.subject import write_subject_header
from tfedge_converters.execute.tool import run_tool
from tfedge_converters.execute.toolchain import (
    HARNESS_DIRECTORY,
    STRICT_C99,
    ScratchDirectory,
    ask_tool,
    compile_program,
    excerpt,
    find_gcc,
    find_program,
    find_tool,
)

_FIRMWARE = HARNESS_DIRECTORY / "firmware"
_EMPTY_MODEL = HARNESS_DIRECTORY / "empty"
# From reset to main, with messages and files of the debugger's.
BASE_SOURCES = tuple(_FIRMWARE / name for name in ("console.c", "semihosting.c", "start.c"))
_HARNESS_SOURCES = (HARNESS_DIRECTORY / "harness.c", *sorted(_FIRMWARE.glob("*.c")))
_COMPILING = (*STRICT_C99, "-ffunction-sections", "-fdata-sections")
_LINKING = ("-Wl,--gc-sections", "-nostartfiles")

# One instruction takes one nanosecond of virtual time, however long it takes the host.
_QEMU_OPTIONS = (
    *("-icount", "shift=0"),
    *("-semihosting-config", "enable=on,target=native"),
    *("-display", "none", "-monitor", "none"),
)


def build_firmware(
    program: CProgram, core: str, *, flags: Sequence[str] = (), num_layers: int = 0
) -> Firmware:
    """Compile a model for a core, with every warning an error.

    Args:
        program: the generated C.
        core: a name in `CORES`, e.g. "cortex-m4".
        flags: put behind tfedge's own (C99, -O2, a section for each function and object, unused
            ones dropped, a small C library), so that they win.
        num_layers: how many layers to time one by one, by the hook that generated C has for the
            end of each; 0 for none. The hook takes code, so sizes are those of firmware without.

    Raises:
        TfedgeError: there is no such core.
        MissingToolError: the cross compiler or its C library is not installed.
        ExecutionError: the C does not compile, or needs more than 4 MiB of flash or RAM.
    """
    if core not in CORES:
        raise TfedgeError(
            f"'{core}' is no core to build firmware for; use {', '.join(CORES)}{near(core, CORES)}"
        )
    scratch = ScratchDirectory()
    elf = _build(program, CORES[core], flags, scratch.path, num_layers)
    return Firmware(program, CORES[core], tuple(flags), scratch, elf, num_layers)


class Firmware:
    """A model linked for a core. Its temporary files go when this object does.

    Attributes:
        program: the model.
        elf: the linked firmware, for tools that look into it.
    """

    def __init__(
        self,
        program: CProgram,
        core: Core,
        flags: tuple[str, ...],
        scratch: ScratchDirectory,
        elf: Path,
        num_layers: int = 0,
    ) -> None:
        self.program = program
        self.elf = elf
        self._core = core
        self._flags = flags
        self._scratch = scratch
        self._num_layers = num_layers

    def run(
        self,
        samples: Iterable[Sequence[np.ndarray]],
        timeout: float = 300.0,
        sequence: int | None = None,
        executed: Path | None = None,
    ) -> FirmwareResult:
        """Run the model on each sample, on one simulated device and in one model context.

        Args:
            samples: for each sample one array a model input, of its exact shape and dtype.
            timeout: seconds for all of them; QEMU executes some 10^8 instructions a second.
            sequence: how many consecutive samples are one sequence, for a model that keeps its
                state; None: all are one.
            executed: a file in which QEMU lists the blocks of code that it translates, and each
                time that it executes one: some 100 bytes a block.

        Raises:
            TfedgeError: a sample does not fit the model's inputs.
            MissingToolError: QEMU is not installed.
            ExecutionError: the model faulted, returned an error or took longer than `timeout`.
        """
        machine = self._core.machine
        samples = list(samples)
        command = qemu_command(machine, self.elf, ("-serial", "none"))
        if executed is not None:
            command += ["-d", "in_asm,exec,nochain", "-D", executed.absolute()]
        with tempfile.TemporaryDirectory(prefix="tfedge-") as name:
            directory = Path(name)
            with (directory / "samples").open("wb") as file:
                file.writelines(encode_samples(self.program, samples, sequence))
            self._simulate(command, directory, timeout)
            results = directory / "results"
            data = results.read_bytes() if results.is_file() else b""
        count = len(samples)
        return parse_results(self.program, machine, data, count, self._num_layers)

    def _simulate(self, command: Sequence[str | Path], directory: Path, timeout: float) -> None:
        """Run QEMU with `directory` as the root of the firmware's files."""
        machine = self._core.machine.name
        run = run_tool(
            command,
            f"{machine} with the firmware of model '{self.program.name}'",
            seconds=timeout,
            folder=directory,
            advice="run fewer samples at once or raise the timeout",
        )
        if run.status != 0:
            words = excerpt(run.printed) or f"QEMU {run.end} and said nothing"
            raise ExecutionError(
                f"firmware of model '{self.program.name}' failed on {machine}: "
                f"{words}{self._fault_location(words)}"
            )

    def _fault_location(self, words: str) -> str:
        """The function that the fault handler's message points into, if it is such a message."""
        match = re.search(r"^fault: .* pc (0x[0-9a-f]+)", words, re.MULTILINE)
        if match is None:
            return ""
        addr2line = find_program(self._core.toolchain, "addr2line")
        try:
            location = ask_tool([addr2line, "-f", "-e", self.elf, match[1]])
        except ExecutionError:  # the fault is what the user has to hear of
            return ""
        return "".join(f" in {line}" for line in location.splitlines()[:1])

    def sizes(self) -> FirmwareSizes:
        """Measure the model's addition to a firmware's flash and RAM.

        Raises:
            MissingToolError: the cross compiler's binutils are not installed.
        """
        size_tool = find_program(self._core.toolchain, "size")
        directory = self._scratch.path / "empty"
        directory.mkdir(exist_ok=True)
        empty = replace(self.program, name="empty", directory=_EMPTY_MODEL, arenas=())
        empty_elf = _build(empty, self._core, self._flags, directory)
        return model_sizes(size_tool, self.elf, empty_elf)


def _build(
    program: CProgram, core: Core, flags: Sequence[str], directory: Path, num_layers: int = 0
) -> Path:
    """Compile a program and the harness, and link them in `directory`."""
    write_subject_header(program, directory, num_layers)
    options = [*flags, *(f"-I{path}" for path in (HARNESS_DIRECTORY, directory))]
    options += _layer_hook(program, num_layers)
    sources = [*program.sources, *_HARNESS_SOURCES]
    return link_firmware(program, core, sources, options, directory)


def link_firmware(
    program: CProgram,
    core: Core,
    sources: Sequence[Path],
    options: Sequence[str],
    directory: Path,
) -> Path:
    """Compile C and a core's startup code, and link them.

    Args:
        program: the model, whose headers are found.
        core: the core.
        sources: C files, `BASE_SOURCES` among them, and `main` in one.
        options: the compiler's, behind those that all firmware has.
        directory: where the result and temporary files go.

    Raises:
        MissingToolError: the cross compiler or its C library is not installed.
        ExecutionError: the C does not compile, or needs more than 4 MiB of flash or RAM.
    """
    toolchain = core.toolchain
    startup = _FIRMWARE / toolchain.startup
    (directory / "regions.ld").write_text(core.machine.linker_regions())
    elf = directory / f"{program.name}.elf"
    folders = (program.directory, _FIRMWARE, startup)
    flags = [*_COMPILING, *core.flags, *(f"-I{path}" for path in folders), *options]
    files: list[str | Path] = [*sources, *sorted(startup.glob("*.c"))]
    command: list[str | Path] = [find_gcc(toolchain), *_LINKING, *toolchain.flags]
    if toolchain.clang is None:
        command += [*flags, *files]
    else:
        clang = find_tool([toolchain.clang.name], toolchain.packages)
        compiler = [clang, *toolchain.clang.flags, *flags]
        command += [*core.linked_as, *_objects(program, compiler, files, directory)]
    command += ["-lm", f"-L{directory}", "-T", startup / "memory.ld", "-o", elf]
    compile_program(command, program.name, elf)
    return elf


def _objects(
    program: CProgram, compiler: Sequence[str], sources: Sequence[str | Path], directory: Path
) -> list[Path]:
    """Compile sources, a folder at a time, for files of several may have the same name."""
    folders: dict[Path, list[Path]] = {}
    for source in (Path(source).absolute() for source in sources):
        folders.setdefault(source.parent, []).append(source)
    objects: list[Path] = []
    for number, files in enumerate(folders.values()):
        folder = directory / f"objects_{number}"
        folder.mkdir(exist_ok=True)
        objects += [folder / f"{file.stem}.o" for file in files]
        compile_program([*compiler, "-c", *files], program.name, objects[-1], folder)
    return objects


def qemu_command(machine: Machine, elf: Path, options: Sequence[str]) -> list[str | Path]:
    """The command line that runs firmware.

    Args:
        machine: to run it on.
        elf: the firmware.
        options: QEMU's, where its serial ports lead among them.

    Raises:
        MissingToolError: QEMU is not installed.
    """
    emulator = machine.emulator
    qemu = find_tool([emulator.name], emulator.packages)
    command: list[str | Path] = [qemu, "-machine", machine.name, *emulator.options]
    return [*command, *_QEMU_OPTIONS, *options, "-kernel", elf]


def _layer_hook(program: CProgram, num_layers: int) -> list[str]:
    """Compiler flags that let each layer report its end."""
    if not num_layers:
        return []
    call = "do{void harness_layer_done(int);harness_layer_done(i);}while(0)"
    return [f"-D{program.name.upper()}_ON_LAYER(i)={call}"]
