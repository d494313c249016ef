"""Reader of a compiled `_edgetpu.tflite`, the output of edgetpu_compiler.

The custom operator's options are a flexbuffer; its entry "4" is a flatbuffer. Source of both:
google-coral/libedgetpu, `executable/executable.fbs` and `tflite/custom_op_data.h`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

from flatbuffers import flexbuffers

from tfedge.errors import ModelFileError
from tfedge_converters.edgetpu.tables import Table
from tfedge_converters.file_kinds import FileKind, kind_of
from tfedge_converters.graph import Graph, Model, Operator, read_file, read_model
from tfedge_converters.graph.markers import DECODING_ERRORS

CUSTOM_OPERATOR = "edgetpu-custom-op"

_PACKAGE_KEY = "4"
_PACKAGE_IDENTIFIER = b"DWN1"
_INSTRUCTION_BYTES = 16
_MOST_EXECUTABLES = 64


class ExecutableKind(enum.Enum):
    """Purpose of an executable on the TPU."""

    STAND_ALONE = 0
    PARAMETER_CACHING = 1
    EXECUTION_ONLY = 2


@dataclass(frozen=True)
class Layer:
    """An input or output of an executable.

    Attributes:
        name: of the tensor.
        bytes: with padding.
        shape: (height, width, channels).
    """

    name: str
    bytes: int
    shape: tuple[int, int, int]


@dataclass(frozen=True)
class Executable:
    """A program for the Edge TPU.

    Attributes:
        kind: whether it loads parameters, runs with those, or does both.
        name: of the model, as the compiler had it.
        batch: samples in one run.
        instructions: of 16 bytes each.
        parameter_bytes: sent to the chip with it.
        scratch_bytes: of the host's memory that it needs.
        tile_bytes: of narrow memory in use on each tile.
        cycles: the compiler's estimate; 0 if it made none.
        chip: what it is for, as "beagle".
        inputs, outputs: what goes in and out.
    """

    kind: ExecutableKind
    name: str
    batch: int
    instructions: int
    parameter_bytes: int
    scratch_bytes: int
    tile_bytes: int
    cycles: int
    chip: str
    inputs: tuple[Layer, ...]
    outputs: tuple[Layer, ...]


@dataclass(frozen=True)
class Package:
    """One custom operator's programs.

    Attributes:
        minimum_runtime: version of the Edge TPU runtime that it asks for.
        compiler: what wrote it.
        executables: one STAND_ALONE, or one of each other kind.
    """

    minimum_runtime: int
    compiler: str
    executables: tuple[Executable, ...]

    def _of(self, kind: ExecutableKind) -> list[Executable]:
        return [executable for executable in self.executables if executable.kind == kind]

    @property
    def cached_bytes(self) -> int:
        """Parameters that stay on the chip."""
        return sum(item.parameter_bytes for item in self._of(ExecutableKind.PARAMETER_CACHING))

    @property
    def streamed_bytes(self) -> int:
        """Parameters that are sent for every run."""
        cached = self.cached_bytes
        return sum(item.parameter_bytes for item in self.executables) - cached

    @property
    def instructions(self) -> int:
        """Bytes of instructions in one run, without loading parameters."""
        cached = ExecutableKind.PARAMETER_CACHING
        return sum(item.instructions for item in self.executables if item.kind != cached)

    @property
    def tile_bytes(self) -> int:
        """Narrow memory in use on each tile."""
        return max((item.tile_bytes for item in self.executables), default=0)


@dataclass(frozen=True, eq=False)
class CompiledModel:
    """A compiled file.

    Attributes:
        model: its graph: custom operators, and what stayed on the CPU.
        packages: of each custom operator in order; usually one, and none if nothing was mapped.
    """

    model: Model
    packages: tuple[Package, ...]

    @property
    def on_cpu(self) -> list[Operator]:
        """The operators that the Edge TPU does not compute."""
        return [item for item in self.model.main.operators if item.name != CUSTOM_OPERATOR]

    def on_cpu_of(self, original: Graph) -> set[int]:
        """Positions of the operators of the graph before compilation that stayed on the CPU.

        Operators are recognised by the names of their results.
        """
        left = {_identity(operator) for operator in self.on_cpu}
        return {
            index
            for index, operator in enumerate(original.operators)
            if _identity(operator) in left
        }


def _identity(operator: Operator) -> tuple[str, ...]:
    return (operator.name, *(tensor.name for tensor in operator.outputs))


def is_compiled(path: str | Path) -> bool:
    """Whether this is the path of a `.tflite` file that edgetpu_compiler wrote.

    Raises:
        ModelFileError: the file cannot be opened, or is no model.
    """
    if kind_of(Path(path)) is not FileKind.TFLITE:
        return False
    return any(operator.name == CUSTOM_OPERATOR for operator in read_file(path).main.operators)


def read_compiled(source: str | Path | bytes) -> CompiledModel:
    """Read a file that edgetpu_compiler wrote.

    Raises:
        TfedgeError: the file cannot be opened.
        ModelFileError: it is no .tflite file, or its custom operator holds no package.
    """
    if isinstance(source, bytes):
        model, name = read_model(source), "model"
    else:
        model, name = read_file(source), str(source)
    customs = [item for item in model.main.operators if item.name == CUSTOM_OPERATOR]
    return CompiledModel(model, tuple(_package(item, name) for item in customs))


def _package(operator: Operator, source: str) -> Package:
    try:
        options = flexbuffers.GetRoot(bytearray(operator.custom_options)).AsMap
        package = Table.root(_string(options[_PACKAGE_KEY]), _PACKAGE_IDENTIFIER)
        programs = Table.root(package.octets(1)).strings(0)
        if len(programs) > _MOST_EXECUTABLES:
            raise ValueError(f"{len(programs)} executables")
        return Package(
            minimum_runtime=package.number(0, "<i"),
            compiler=package.text(4),
            executables=tuple(_executable(Table.root(program)) for program in programs),
        )
    except DECODING_ERRORS as error:
        raise ModelFileError(
            f"{source}: the options of {CUSTOM_OPERATOR} are truncated or corrupt ({error}); "
            "compile the model again"
        ) from None


def _string(reference: flexbuffers.Ref) -> bytes:
    """The bytes of a flexbuffer's string, which are no text here."""
    if not reference.IsString:
        raise ValueError(f"entry {_PACKAGE_KEY} is no string")
    return bytes(reference.AsStringBytes)


def _executable(table: Table) -> Executable:
    streams = [stream.octets(0) for stream in table.tables(5)]
    return Executable(
        kind=ExecutableKind(table.number(13, "<h")),
        name=table.text(1),
        batch=table.number(3, "<i"),
        instructions=sum(map(len, streams)) // _INSTRUCTION_BYTES,
        parameter_bytes=len(table.octets(6)),
        scratch_bytes=table.number(4, "<i"),
        tile_bytes=table.number(12, "<i"),
        cycles=table.number(16, "<q") or table.number(11, "<i"),
        chip=table.text(10),
        inputs=tuple(map(_layer, table.tables(8))),
        outputs=tuple(map(_layer, table.tables(9))),
    )


def _layer(table: Table) -> Layer:
    height, width, channels = (table.number(field, "<i") for field in (2, 3, 4))
    return Layer(table.text(0), table.number(1, "<i"), (height, width, channels))
