"""What a target file has to look like. docs/accelerators.md is its manual."""

from __future__ import annotations

from typing import Any

from tfedge.json_form import Form, line_of_text
from tfedge.quantization.schemes import SCHEMES, STORAGE_SCHEMES

CODES = ("c", "tflite-micro", "ethos-u", "none")
PACKINGS = ("natural", "pairs", "lanes")

_WORD = "^[A-Za-z0-9][A-Za-z0-9_.-]*$"
_BYTES = {
    "type": ["integer", "null"],
    "minimum": 1,
    "maximum": 1 << 40,
    "description": "a number of bytes, or null",
}
_VELA_WORD = {"type": "string", "pattern": _WORD, "description": "a word of Vela's"}

_PROPERTIES: dict[str, Any] = {
    "description": line_of_text(500),
    "core": {
        "type": "string",
        "pattern": "^([a-z][a-z0-9+.-]*)?$",
        "description": "a core's name, such as cortex-m4, or an empty text",
    },
    # Compilers are run with these: no flag may name a file, a plugin or another program.
    "flags": {
        "type": "array",
        "maxItems": 100,
        "description": "a list of compiler flags",
        "items": {
            "type": "string",
            "pattern": "^-(m[a-z0-9][a-z0-9.+-]*(=[A-Za-z0-9.+_,-]+)?|f[a-z0-9-]+|O[0-3gsz])$",
            "description": "one flag for the architecture, -m…, -f… or -O…, without a path",
        },
    },
    "flash_bytes": _BYTES,
    "ram_bytes": _BYTES,
    "packing": {"type": "string", "enum": PACKINGS},
    "code": {"type": "string", "enum": CODES},
    "schemes": {
        "type": "array",
        "description": "a list of schemes",
        "items": {"type": "string", "enum": [*SCHEMES, *STORAGE_SCHEMES]},
    },
    "accelerator": {"type": "object"},
    "vela": {
        "type": "object",
        "properties": dict.fromkeys(
            ("accelerator_config", "system_config", "memory_mode"), _VELA_WORD
        ),
        "additionalProperties": False,
    },
}

# What a file says by itself.
FILE = Form(
    {
        "type": "object",
        "description": "an object",
        "properties": {
            **_PROPERTIES,
            "extends": {
                "type": "string",
                "minLength": 1,
                "maxLength": 1000,
                "description": "the name of a target, or the path of a .json file,",
            },
        },
        "additionalProperties": False,
    }
)

# What it says with the files that it extends.
WHOLE = Form(
    {
        "type": "object",
        "properties": {
            **_PROPERTIES,
            "vela": {**_PROPERTIES["vela"], "required": list(_PROPERTIES["vela"]["properties"])},
        },
        "required": ["description", "core", "flags"],
        "additionalProperties": False,
        "if": {"required": ["code"], "properties": {"code": {"enum": ["ethos-u"]}}},
        "then": {"required": ["vela"]},
    }
)
