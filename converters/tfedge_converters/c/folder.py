"""A generated program that lies in a folder, and the same generated anew."""

from __future__ import annotations

import re
from pathlib import Path

from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.c.generator import Options, generate
from tfedge_converters.c.source import CSource
from tfedge_converters.execute.program import CProgram
from tfedge_converters.graph import Model, read_model
from tfedge_converters.graph.passes import pipeline


def open_generated(
    folder: Path, name: str, flatbuffer: bytes, sources: tuple[str, ...] | None
) -> CProgram:
    """The program in a folder.

    Args:
        folder: where it lies.
        name: the model's, which its files begin with.
        flatbuffer: the file that it was generated from.
        sources: the C files that belong to it; None for all that lie there.

    Raises:
        TfedgeError: the header does not say how large the arena is.
    """
    header = folder / f"{name}.h"
    source = generated_again(name, read_model(flatbuffer), flatbuffer)
    arena = re.search(
        rf"^#define {name.upper()}_ARENA_BYTES (\d+)$",
        header.read_text("utf-8", "replace"),
        re.MULTILINE,
    )
    if arena is None:
        raise TfedgeError(f"{header}: does not say how large the arena is; convert the model again")
    return CProgram(name, folder, source.inputs, source.outputs, int(arena[1]), sources)


def generated_again(name: str, model: Model, flatbuffer: bytes) -> CSource:
    """A model's program for any target: constants and ends are the same for all.

    Args:
        name: the model's.
        model: read from its file; may be changed.
        flatbuffer: the file.
    """
    pipeline.run(model)
    return generate(model, Options(name, targets.load("host")), flatbuffer=flatbuffer)
