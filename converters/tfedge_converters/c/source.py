"""Generated C, held in memory until it is written as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.files import reason_of
from tfedge_converters.c.code_size import CodeEstimate, CodeParts
from tfedge_converters.c.instructions import InstructionEstimate
from tfedge_converters.c.plan import Plan
from tfedge_converters.execute.program import CProgram, TensorSpec

__all__ = ["CSource", "TensorSpec", "Vector"]


@dataclass(frozen=True, eq=False)
class Vector:
    """Inputs and the outputs that the reference computes from them, one array a tensor."""

    inputs: tuple[np.ndarray, ...]
    outputs: tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class CSource:
    """A generated program.

    Attributes:
        name: prefix of its files and symbols.
        files: file name to text.
        inputs, outputs: in the order of <name>_input() and <name>_output().
        arena_bytes: memory that the caller provides.
        weights_bytes: constants in flash.
        state_bytes: what it keeps between invocations, in the caller's context.
        code: an estimate of its code, with kernels and their parameters.
        code_parts: what that is made of.
        instructions: an estimate for the target's core; None where nothing was measured for that.
        plan: layers and memory, for reports.
        ends: its "inputs" and "outputs" as templates write them: types, sizes, grids.
        optimize: how kernels are shared, a key of `sharing.OPTIMIZATIONS`.
    """

    name: str
    files: Mapping[str, str]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    arena_bytes: int
    weights_bytes: int
    state_bytes: int
    code: CodeEstimate
    code_parts: CodeParts = field(repr=False)
    instructions: InstructionEstimate | None
    plan: Plan = field(repr=False)
    ends: Mapping[str, Sequence[Mapping[str, Any]]] = field(repr=False)
    optimize: str

    @property
    def code_bytes(self) -> int:
        """The estimate of its code."""
        return self.code.bytes

    def context_bytes(self, pointer_bytes: int) -> int:
        """Bytes of the caller's context, in which the state is.

        Args:
            pointer_bytes: of the core's addresses.
        """
        return pointer_bytes * (1 + -(-self.state_bytes // pointer_bytes))

    def write(self, directory: str | Path) -> CProgram:
        """Write all files into a folder to compile them in; make it if need be.

        For a folder that is kept there is `Artifact.save`, which writes sets that are whole.

        Raises:
            TfedgeError: the folder cannot be made or written to, or the disk is full.
        """
        folder = Path(directory)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in self.files.items():
                (folder / name).write_bytes(text.encode("utf-8"))
        except OSError as error:
            raise TfedgeError(f"{folder}: cannot be written: {reason_of(error)}") from error
        return CProgram(
            name=self.name,
            directory=folder,
            inputs=self.inputs,
            outputs=self.outputs,
            arena_bytes=self.arena_bytes,
            layers=self.layer_names,
        )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of its layers, in the order of their numbers."""
        return tuple(layer.name for layer in self.plan.layers)
