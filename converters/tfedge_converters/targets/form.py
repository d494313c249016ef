"""Schema of target files; docs/accelerators.md is their manual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from tfedge.json_form import Form, line_of_text
from tfedge.quantization.schemes import SCHEMES, STORAGE_SCHEMES
from tfedge_converters.backends import Backend, all_backends
from tfedge_converters.targets.memory import MEMORIES_SCHEMA
from tfedge_converters.targets.part import PART, TIMING

PACKINGS = ("natural", "pairs", "skipping", "lanes", "channels")

# What instruction sets have beyond their base.
EXTENSIONS = ("FPU", "DSP", "MVE", "RVV")

_BYTES = {
    "type": ["integer", "null"],
    "minimum": 1,
    "maximum": 1 << 40,
    "description": "a number of bytes, or null",
}

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
    "memories": MEMORIES_SCHEMA,
    "packing": {"type": "string", "enum": PACKINGS},
    "channel_multiple": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1024,
        "description": "a number of channels",
    },
    "backend": {
        "type": "string",
        "pattern": "^[a-z][a-z0-9_.-]*$",
        "description": "the name of a back end",
    },
    "schemes": {
        "type": "array",
        "description": "a list of schemes",
        "items": {"type": "string", "enum": [*SCHEMES, *STORAGE_SCHEMES]},
    },
    "accelerator": {"type": "object"},
    "extensions": {
        "type": "array",
        "description": "a list of extensions",
        "items": {"type": "string", "enum": list(EXTENSIONS)},
    },
    "timing": TIMING,
    "part": PART,
}
_EXTENDS = {
    "type": "string",
    "minLength": 1,
    "maxLength": 1000,
    "description": "the name of a target, or the path of a .json file,",
}

# What all back ends know; other keys are settings of one.
GENERAL = frozenset(_PROPERTIES)


def file_form() -> Form:
    """Return the schema of a file by itself; what it leaves out, one that it extends may have."""
    return _file_form(tuple(all_backends()))


def whole_form(backend: Backend) -> Form:
    """Return the schema of a file together with the files that it extends.

    Args:
        backend: the one that it names.
    """
    return _whole_form(tuple(all_backends()), backend)


@cache
def _file_form(backends: Iterable[Backend]) -> Form:
    properties = {
        key: {name: value for name, value in schema.items() if name != "required"}
        for key, schema in {**_settings(backends), **_PROPERTIES}.items()
    }
    properties["extends"] = _EXTENDS
    return Form(
        {
            "type": "object",
            "description": "an object",
            "properties": properties,
            "additionalProperties": False,
        }
    )


@cache
def _whole_form(backends: Iterable[Backend], backend: Backend) -> Form:
    return Form(
        {
            "type": "object",
            "properties": {**_settings(backends), **_PROPERTIES},
            "required": ["description", "core", "flags", *backend.settings],
            "additionalProperties": False,
        }
    )


def _settings(backends: Iterable[Backend]) -> Mapping[str, Mapping[str, Any]]:
    return {key: schema for backend in backends for key, schema in backend.settings.items()}
