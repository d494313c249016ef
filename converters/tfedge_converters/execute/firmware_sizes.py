"""Flash and RAM that a model takes of a device, from linked firmware."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tfedge_converters.execute.errors import ExecutionError
from tfedge_converters.execute.toolchain import ask_tool, excerpt

_SECTION = re.compile(r"^(\.\S+)\s+(\d+)\s", re.MULTILINE)
_CODE = (".text",)
_CONSTANTS = (".rodata", ".ARM.exidx", ".constants")
_INITIALISED = (".data",)
_ZEROED = (".bss",)
_SUBJECT = (".subject",)  # the model's arenas and context
_SPREAD = (".subject", ".constants")


@dataclass(frozen=True)
class FirmwareSizes:
    """Bytes that a model adds to a firmware.

    Each is a difference between two firmwares of the same harness, linked with --gc-sections:
    one calls the model, the other a model whose functions are empty (about 20 bytes of code).
    What the model needs of the C library is counted, for the harness uses nothing of it. The
    generated self-test is not: the harness does not call it.

    Attributes:
        code_bytes: instructions, with the literals between them.
        rodata_bytes: constants: weights, tables.
        data_bytes: initialised variables, in flash and in RAM.
        ram_bytes_static: the arena, the context and all variables; the stack comes on top.
    """

    code_bytes: int
    rodata_bytes: int
    data_bytes: int
    ram_bytes_static: int

    @property
    def flash_bytes(self) -> int:
        """Code, constants and the initial values of variables."""
        return self.code_bytes + self.rodata_bytes + self.data_bytes


def model_sizes(size_tool: str, elf: Path, empty_elf: Path) -> FirmwareSizes:
    """Compare firmware that has the model with firmware that has an empty one."""
    sections = _section_sizes(size_tool, elf)
    empty = _section_sizes(size_tool, empty_elf)

    def added(names: tuple[str, ...]) -> int:
        return sum(sections.get(name, 0) - empty.get(name, 0) for name in names)

    own_memory = sum(sections.get(name, 0) for name in _SUBJECT)
    return FirmwareSizes(
        code_bytes=added(_CODE),
        rodata_bytes=added(_CONSTANTS),
        data_bytes=added(_INITIALISED),
        ram_bytes_static=added(_INITIALISED + _ZEROED) + own_memory,
    )


def _section_sizes(size_tool: str, elf: Path) -> dict[str, int]:
    """Section name to size, from the System V listing of binutils' size.

    Those of further memories count with what they hold: ".subject.dtcm" with ".subject".
    """
    listing = ask_tool([size_tool, "-A", "-d", elf])
    found: dict[str, int] = {}
    for name, size in _SECTION.findall(listing):
        whole = next((known for known in _SPREAD if name.startswith(f"{known}.")), name)
        found[whole] = found.get(whole, 0) + int(size)
    if not found:
        raise ExecutionError(f"{Path(size_tool).name} lists no sections: {excerpt(listing)}")
    return found
