"""A project for CMake: the model as a library, and a demo for this computer or a core in QEMU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfedge_converters.execute.cores import CORES, Core
from tfedge_converters.execute.toolchain import HARNESS_DIRECTORY
from tfedge_converters.foreign_text import Code
from tfedge_converters.packages.interface import Package, PackagedModel

_FIRMWARE = HARNESS_DIRECTORY / "firmware"
# Of the firmware in which tfedge runs models itself, what a program needs from reset to its end.
_START = ("start.c", "start.h", "console.c", "console.h", "semihosting.c", "semihosting.h")
_START_OF_CORE = ("startup.c", "stopwatch.c", "semihosting_call.h", "csr.h", "memory.ld")
_BOARD = "demo/board"
_BOARD_FILES = {
    f"{_BOARD}/toolchain.cmake": "cmake/toolchain.cmake.j2",
    f"{_BOARD}/regions.ld": "cmake/regions.ld.j2",
}
_MICRO_LIBRARY = {"CMakeLists.txt": "cmake/micro_library.cmake.j2"}
_MICRO_BOARD_FILES = {f"{_BOARD}/write.c": "cmake/write.c.j2"}


class CMake(Package):
    """The generated library as it is, and beside it a project of the demo."""

    def templates_for(self, model: PackagedModel) -> Mapping[str, str]:
        """Return those of the demo, and of the board that QEMU simulates for the target's core.

        The library of a model for TFLite Micro is one, too; that of generated C comes with it.
        """
        interpreter = model.code.interpreter
        return {
            **self.templates,
            **(_MICRO_LIBRARY if interpreter else {}),
            **(_BOARD_FILES if _core(model) else {}),
            **(_MICRO_BOARD_FILES if interpreter and _core(model) else {}),
        }

    def copies(self, model: PackagedModel) -> Mapping[str, Path]:
        """Return the start-up code of the target's core."""
        core = _core(model)
        if core is None:
            return {}
        of_core = _FIRMWARE / core.toolchain.startup
        files = [*(_FIRMWARE / name for name in (*_START, "stopwatch.h"))]
        files += [path for name in _START_OF_CORE if (path := of_core / name).is_file()]
        return {f"{_BOARD}/{path.name}": path for path in files}

    def context(self, model: PackagedModel) -> Mapping[str, Any]:
        """Return the core's compiler, memory and simulator; None where there are none."""
        core = _core(model)
        if core is None:
            return {"board": None}
        machine, toolchain = core.machine, core.toolchain
        packages = [toolchain.packages, machine.emulator.packages]
        if model.code.interpreter:
            packages.insert(1, toolchain.cpp_packages)
        board = {
            "machine": machine.name,
            "regions": Code(machine.linker_regions()),
            "prefix": toolchain.prefix,
            "flags": " ".join(model.target.flags or core.flags),
            "library_flags": " ".join(toolchain.flags),
            "packages": " ".join(packages),
            "emulator": machine.emulator.name,
            "emulator_options": machine.emulator.options,
            "processor": "riscv" if toolchain.startup == "riscv" else "arm",
        }
        return {"board": board}


def _core(model: PackagedModel) -> Core | None:
    """The core that QEMU simulates, and that one compiler makes programs for.

    TFLite Micro's are C++, for which that compiler needs a library.
    """
    core = CORES.get(model.target.core)
    if core is None or core.toolchain.clang is not None:
        return None
    return core if core.toolchain.cpp_packages or not model.code.interpreter else None


PACKAGE = CMake(
    name="cmake",
    title="a project for CMake",
    templates={
        "README.md": "cmake/README.md.j2",
        "demo/CMakeLists.txt": "cmake/CMakeLists.txt.j2",
        "demo/main.c": "cmake/main.c.j2",
    },
    has_library=True,
)
