"""Targets: what generated code is compiled for. Each is a JSON file in this folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import resources

from tfedge.errors import TfedgeError


@dataclass(frozen=True)
class Target:
    """A processor core or a board.

    Attributes:
        name: the file's name, e.g. "cortex-m4".
        description: one line for people.
        core: what `execute.CORES` calls it, or "host".
        flags: compiler flags for its architecture.
        flash_bytes, ram_bytes: what a board has in all; None where only the core is known.
        packing: how the generator orders weights; "natural" is the order of the .tflite file.
        code: what is generated beside the .tflite file: "c" (standalone C), "tflite-micro" (the
            model as an array, and its operator resolver) or "none".
        operators: what an accelerator computes, leaving the rest to the CPU; None where there is
            none. Source, for GPUs: TensorFlow's lite/tools/versioning/gpu_compatibility.cc.
    """

    name: str
    description: str
    core: str
    flags: tuple[str, ...]
    flash_bytes: int | None = None
    ram_bytes: int | None = None
    packing: str = "natural"
    code: str = "c"
    operators: frozenset[str] | None = None


def names() -> list[str]:
    """The names of all targets, sorted."""
    files = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json"))


def load(name: str) -> Target:
    """Reads a target.

    Raises:
        TfedgeError: there is none of that name; the message proposes similar ones.
    """
    known = names()
    if name not in known:
        close = get_close_matches(name, known, 3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(known)}"
        raise TfedgeError(f"there is no target '{name}'; {hint} (tfedge targets lists them)")
    fields = json.loads(resources.files(__name__).joinpath(f"{name}.json").read_text("utf-8"))
    converted = {key: _CONVERSIONS[key](fields[key]) for key in _CONVERSIONS if key in fields}
    return Target(name=name, **(fields | converted))


_CONVERSIONS: dict[str, Callable[[list[str]], Collection[str]]] = {
    "flags": tuple,
    "operators": frozenset,
}
