"""Targets: what models are converted for. Each is a JSON file in this folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge.terminal_text import readable
from tfedge_converters.accelerators.description import Accelerator, parse
from tfedge_converters.backends import Backend, backend_named
from tfedge_converters.targets.form import GENERAL, file_form, whole_form
from tfedge_converters.targets.memory import FLASH, RAM, Memory, only_memory, parse_memories
from tfedge_converters.targets.part import Part, Timing, part_of, timing_of
from tfedge_converters.targets.suggestions import belongs, suggestion


class UnknownTargetError(TfedgeError):
    """There is no target of a name."""


# A board extends a chip, and that a core.
_MOST_FILES = 8


@dataclass(frozen=True)
class Target:
    """A processor core, a board, an accelerator or an interpreter.

    Attributes:
        name: the file's name, e.g. "cortex-m4".
        description: one line for people.
        core: what `execute.CORES` calls it, or "host".
        flags: compiler flags for its architecture, as "-mcpu=cortex-m4".
        flash_bytes: what a board has in all; None where only the core is known, and where flash is
            on a chip of its own.
        ram_bytes: of the largest piece of RAM, for an arena lies in one, or of all `memories`; None
            where only the core is known.
        memories: several of a kind, in the order of the file; empty where a target has one RAM and
            one flash, or where only the core is known. Code lies in the first flash.
        packing: for which cores kernels and the order of their weights are chosen: "natural" (any,
            in the order of the .tflite file), "pairs" (those that make two products with an
            instruction: by the DSP extension, or by multiplications of 32 bits), "skipping" (those,
            but dense layers skip values that stand for 0), "lanes" (those with Helium) or
            "channels" (those with RVV).
        backend: the name of what makes its files: "tflite" (the .tflite file alone), "c"
            (standalone C beside it), "tflite-micro" (the model as an array, and its operator
            resolver), "ethos-u" (the same of what Vela makes), or one that was registered.
        schemes: what a model can be quantised to for it, the default first; empty for any, with
            "int8" as the default.
        accelerator: what computes a part of the operators, leaving the rest to the CPU; None where
            there is none.
        settings: what its file has for its back end alone, by key.
        channel_multiple: a layer that loses channels keeps a multiple of so many: as many as its
            kernels compute, or load, at a time.
        extensions: of the core's instruction set: "FPU", "DSP", "MVE", "RVV".
        timing: how fast the core executes; None where nobody can say.
        part: what is known of a part as it is sold; None of a core alone.
    """

    name: str
    description: str
    core: str
    flags: tuple[str, ...]
    flash_bytes: int | None = None
    ram_bytes: int | None = None
    packing: str = "natural"
    backend: str = "c"
    schemes: tuple[str, ...] = ()
    accelerator: Accelerator | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    channel_multiple: int = 1
    extensions: tuple[str, ...] = ()
    timing: Timing | None = None
    part: Part | None = None
    memories: tuple[Memory, ...] = ()

    def memories_of(self, kind: str) -> tuple[Memory, ...]:
        """The memories of a kind, "ram" or "flash": those of `memories`, or the only one."""
        sizes = {RAM: self.ram_bytes, FLASH: self.flash_bytes}
        found = tuple(memory for memory in self.memories if memory.kind == kind)
        return found or (only_memory(kind, sizes[kind]),)

    def scheme(self, given: str | None) -> str:
        """Return the scheme to quantise to.

        Args:
            given: what was asked for; None for the default.

        Raises:
            TfedgeError: the target does not compute so.
        """
        if given is None:
            return self.schemes[0] if self.schemes else "int8"
        if self.schemes and given not in self.schemes:
            raise TfedgeError(
                f"{self.name} computes with {' or '.join(self.schemes)}, not with {given}; leave "
                f"quantization out{near(given, self.schemes)}"
            )
        return given


def names() -> list[str]:
    """The names of all targets, sorted."""
    files = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json"))


def load(name: str | Path | Target) -> Target:
    """Read a target.

    Args:
        name: one that `names` lists, or the path of a JSON file of the same format; a target is
            given back.

    Raises:
        TfedgeError: there is none of that name, and the message proposes similar ones; or the file
            is no target.
    """
    if isinstance(name, Target):
        return name
    if not isinstance(name, (str, Path)):
        raise TfedgeError(
            f"a target is a name such as 'cortex-m4', the path of a .json file, or a Target, not "
            f"{name!r} (tfedge targets lists the names)"
        )
    source, fields = str(name), _fields(str(name))
    if "timing" in fields:
        fields["timing"] = timing_of(fields["timing"], f"target '{source}'")
    if "part" in fields:
        fields["part"] = part_of(fields["part"])
    fields |= {key: tuple(fields[key]) for key in _LISTS if key in fields}
    if "memories" in fields:
        memories = fields["memories"] = parse_memories(fields["memories"], f"target '{source}'")
        fields |= _totals(memories)
        backend = _backend_of(fields, source)
        if not backend.plans_memory:
            raise TfedgeError(
                f"target '{source}': memories are for generated C, and its back end is "
                f"'{backend.name}': give ram_bytes and flash_bytes"
            )
    if "accelerator" in fields:
        fields["accelerator"] = parse(fields["accelerator"], f"target '{source}'")
    settings = {key: fields[key] for key in _backend_of(fields, source).settings}
    general = {key: value for key, value in fields.items() if key in GENERAL}
    name = readable(Path(source).stem) if _is_path(source) else source
    return Target(name=name, settings=settings, **general)


_LISTS = ("flags", "schemes", "extensions")


def _fields(name: str) -> dict[str, Any]:
    """Read a target's file and the files that it extends."""
    chain = [os.path.normpath(name) if _is_path(name) else name]
    fields = dict(_read(chain[0]))
    while "extends" in fields:
        base = _beside(chain[-1], fields.pop("extends"))
        if base in chain:
            raise TfedgeError(f"target '{name}': '{base}' extends itself")
        if len(chain) == _MOST_FILES:
            raise TfedgeError(f"target '{name}' extends more than {_MOST_FILES - 1} files in a row")
        chain.append(base)
        try:
            fields = _merged(_read(base), fields)
        except UnknownTargetError:
            raise TfedgeError(
                f"target '{readable(name)}': extends '{readable(base)}', and there is no such "
                "target (tfedge targets lists them)"
            ) from None
    source = f"target '{name}'"
    return dict(whole_form(_backend_of(fields, source)).checked(fields, source))


def _totals(memories: Iterable[Memory]) -> dict[str, int]:
    """Bytes in all, in place of what the file, or its base, says."""
    totals: dict[str, int] = {}
    for memory in memories:
        key = f"{memory.kind}_bytes"
        totals[key] = totals.get(key, 0) + (memory.bytes or 0)
    return totals


def _backend_of(fields: Mapping[str, Any], source: str) -> Backend:
    try:
        return backend_named(fields.get("backend", Target.backend))
    except TfedgeError as error:
        raise TfedgeError(f"{source}: {error}") from None


def _beside(name: str, base: str) -> str:
    """Resolve a file's reference to another target: paths begin in its own folder."""
    if not _is_path(base):
        return base
    return os.path.normpath(Path(name).parent / base) if _is_path(name) else base


def _merged(base: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` before those of `base`; objects are merged, lists and values replaced."""
    both = {
        key: _merged(base[key], value)
        for key, value in fields.items()
        if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return {**base, **fields, **both}


def _is_path(name: str) -> bool:
    return name.endswith(".json")


def _read(name: str) -> Mapping[str, Any]:
    if _is_path(name):
        return file_form().read(Path(name))
    if name not in names():
        raise UnknownTargetError(_unknown(name))
    text = resources.files(__name__).joinpath(f"{name}.json").read_text("utf-8")
    return file_form().parsed(text, f"target '{name}'")


def _unknown(name: str) -> str:
    from tfedge_converters.board.boards import target_of

    known = [load(each) for each in names()]
    part = target_of(name.lower())
    if part and not any(belongs(target, name) for target in known):
        return f"'{name}' is a board, and models for it are converted for its part: choose '{part}'"
    hint = suggestion(name, known)
    return f"there is no target '{readable(name)}'; {hint} (tfedge targets lists them all)"
