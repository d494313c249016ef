"""Memories that a target has, and what its file says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfedge.errors import TfedgeError

RAM, FLASH = "ram", "flash"

_MOST_MEMORIES = 16


@dataclass(frozen=True)
class Memory:
    """A memory that generated code may use.

    Attributes:
        name: what generated C calls it, in lower case: "dtcm".
        kind: "ram", for an arena of activations, or "flash", for constants.
        bytes: what a model may take of it; None where that is not known.
        wait_states: cycles that reading a word takes beyond the first, on average: 0 for memory
            that is as fast as its core, 1.5 for one that makes it wait for three cycles every
            other time. Only their order, and how far they are apart, counts.
        section: where the linker script puts it, such as ".dtcm"; "" where the script decides.
    """

    name: str
    kind: str
    bytes: int | None
    wait_states: float = 0.0
    section: str = ""


# What targets that list no memories have one of, each.
_ONLY = {RAM: "ram", FLASH: "flash"}


def only_memory(kind: str, size: int | None) -> Memory:
    """The one memory of a kind that a target has which lists none.

    Args:
        kind: `RAM` or `FLASH`.
        size: its bytes.
    """
    return Memory(_ONLY[kind], kind, size)


MEMORIES_SCHEMA: Mapping[str, Any] = {
    "type": "array",
    "minItems": 1,
    "maxItems": _MOST_MEMORIES,
    "description": f"a list of up to {_MOST_MEMORIES} memories",
    "items": {
        "type": "object",
        "description": "an object that describes a memory",
        "required": ["name", "kind", "bytes"],
        "additionalProperties": False,
        "properties": {
            "name": {
                "type": "string",
                # Others would be names that generated C has for something else.
                "pattern": "^(?!weights$)(?!.*_bytes$)[a-z][a-z0-9_]{0,15}$",
                "description": "a name of up to 16 small letters, digits and _, not weights, nor "
                "one that ends in _bytes,",
            },
            "kind": {"type": "string", "enum": [RAM, FLASH]},
            "bytes": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1 << 40,
                "description": "a number of bytes",
            },
            "wait_states": {
                "type": "number",
                "minimum": 0,
                "maximum": 1000,
                "description": "a number of cycles from 0 to 1000",
            },
            "section": {
                "type": "string",
                "pattern": "^[.A-Za-z_][A-Za-z0-9_.]{0,63}$",
                "description": "the name of a section of the linker script",
            },
        },
    },
}


def parse_memories(listed: Sequence[Mapping[str, Any]], source: str) -> tuple[Memory, ...]:
    """Make memories of what a target's file lists.

    Args:
        listed: as `MEMORIES_SCHEMA` says.
        source: the target, for messages.

    Raises:
        TfedgeError: two have one name.
    """
    memories = tuple(Memory(**fields) for fields in listed)
    names = [memory.name for memory in memories]
    for name in names:
        if names.count(name) > 1:
            raise TfedgeError(f"{source}: memories: two are called '{name}'")
    return memories
