"""Settings for Vela in target files."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

_WORD = {
    "type": "string",
    "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]*$",
    "description": "a word of Vela's",
}


@dataclass(frozen=True)
class VelaSettings:
    """Description of a device for Vela, in Vela's words.

    Attributes:
        accelerator_config: the NPU and its MACs a cycle, such as "ethos-u55-128".
        system_config: clock and memories, such as "Ethos_U55_High_End_Embedded".
        memory_mode: what lies in which memory, such as "Shared_Sram".
    """

    accelerator_config: str
    system_config: str
    memory_mode: str


_NAMES = [field.name for field in fields(VelaSettings)]

# JSON Schema of the key "vela" of a target's file.
SETTINGS: dict[str, Any] = {
    "type": "object",
    "properties": dict.fromkeys(_NAMES, _WORD),
    "required": _NAMES,
    "additionalProperties": False,
}
