"""A generated program that lies in a folder, and the same generated anew."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.c.generator import Options, generate
from tfedge_converters.c.source import CSource
from tfedge_converters.execute.program import CProgram
from tfedge_converters.graph import read_model
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
    source = generated_again(name, flatbuffer)
    arena = arena_bytes(name, header.read_text("utf-8", "replace"))
    if arena is None:
        raise TfedgeError(f"{header}: does not say how large the arena is; convert the model again")
    return CProgram(name, folder, source.inputs, source.outputs, arena, sources, source.layer_names)


def arena_bytes(name: str, header: str) -> int | None:
    """How large an arena a model's header asks for; None if it does not say."""
    found = re.search(rf"^#define {name.upper()}_ARENA_BYTES (\d+)$", header, re.MULTILINE)
    return None if found is None else int(found[1])


def generated_again(name: str, flatbuffer: bytes, packing: str = "natural") -> CSource:
    """A model's program: constants and ends are the same for all targets of one packing.

    Args:
        name: the model's.
        flatbuffer: its file.
        packing: the target's.
    """
    model = read_model(flatbuffer)
    pipeline.run(model, keep_halves=True)
    target = replace(targets.load("host"), packing=packing)
    return generate(model, Options(name, target), flatbuffer=flatbuffer)
