"""A program to run: a directory of generated C and the tensors that go in and out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.errors import TfedgeError
from tfedge_converters.foreign_text import check_model_name


@dataclass(frozen=True)
class TensorSpec:
    """A model input or output.

    Attributes:
        name: what messages call it.
        shape: its sizes; () is a scalar.
        dtype: the numpy type of its elements, little-endian in memory.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def byte_size(self) -> int:
        """Bytes that it takes in the arena."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class CProgram:
    """Generated C for one model, written to a directory.

    Attributes:
        name: what the generated names begin with: `kws` for `kws.h` and `kws_invoke`.
        directory: holds `<name>.h` and every C source that the model needs. Kept as an absolute
            path, for compilers take what begins with - or @ for options.
        inputs, outputs: the model's tensors, in the order of their indices in C.
        arena_bytes: the arena to hand to the model.
        source_names: its C sources, where the directory holds others too; None: all that it holds.
        layers: what its layers are called, by their numbers.

    Raises:
        TfedgeError: generated C cannot be called so.
    """

    name: str
    directory: Path
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    arena_bytes: int
    source_names: tuple[str, ...] | None = None
    layers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_model_name(self.name)
        object.__setattr__(self, "directory", self.directory.absolute())

    @property
    def sources(self) -> list[Path]:
        """The C files to compile.

        Raises:
            TfedgeError: the directory has no header or no source of that name.
        """
        for file_name in (f"{self.name}.h", f"{self.name}.c"):
            if not (self.directory / file_name).is_file():
                raise TfedgeError(
                    f"'{self.directory}' has no {file_name}: write the generated C of model "
                    f"'{self.name}' there before compiling it"
                )
        if self.source_names is None:
            return sorted(self.directory.glob("*.c"))
        return [self.directory / name for name in sorted(self.source_names)]
