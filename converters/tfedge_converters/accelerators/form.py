"""Schema of a target file's "accelerator"; docs/accelerators.md is its manual."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tfedge.json_form import Form, line_of_text
from tfedge_converters.accelerators.rewrites import REWRITES

# What can be wrong with an operator, and what it is called where a file has no words of its own.
KINDS = {
    "operator": "there is no such operator on the accelerator",
    "version": "this version of the operator is unknown to the accelerator",
    "type": "a type that the accelerator does not compute with",
    "rank": "more dimensions than the accelerator knows",
    "constant": "a parameter that is not constant",
    "limit": "outside of the accelerator's limits",
    "region": "computed after something that stays on the CPU",
    "rejected": "the accelerator's compiler does not take it",
}

# How the accelerator's share of a graph may lie in it.
ANYWHERE, FIRST_REGION = "anywhere", "first"

_TEXT = line_of_text(1000)
_FLAG = {"type": "boolean"}
_SIZE = {"type": ["integer", "null"], "minimum": 0, "description": "a number of bytes, or null"}
_NATURAL = {"type": "integer", "minimum": 1, "description": "a whole number from 1 on"}
_EXPRESSION = {"type": "string", "description": "an expression in quotes"}


def _object(properties: dict[str, Any], required: Iterable[str] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any], **limits: int) -> dict[str, Any]:
    return {"type": "array", "description": "a list", "items": items, **limits}


_CODES = {
    **_list(
        {
            "type": "string",
            "pattern": "^[A-Z][A-Z0-9_]*$",
            "description": "an operator in the schema's words, such as CONV_2D,",
        },
        minItems=1,
    ),
    "description": "a list of operators, such as CONV_2D,",
}
_SAID = {
    "why": _TEXT,
    "advice": _TEXT,
    "changes": _list({"type": "string", "enum": sorted(REWRITES)}),
}
_CONDITION = _object(
    {
        "require": _EXPRESSION,
        "when": {**_EXPRESSION, "type": ["string", "null"]},
        "kind": {"type": "string", "enum": list(KINDS)},
        **_SAID,
    },
    ["require"],
)
_NAMED_OR_OWN = {
    **_CONDITION,
    "type": ["string", "object"],
    "description": "the name of a condition, or a condition",
}
_VERSIONS = {
    **_list(_NATURAL, minItems=2, maxItems=2),
    "description": "a list of the lowest and the highest version",
}

FORM = Form(
    _object(
        {
            "name": _TEXT,
            "sources": _list(_TEXT),
            "regions": {"type": "string", "enum": [ANYWHERE, FIRST_REGION]},
            "words": _object(dict.fromkeys([*KINDS, "mapped"], _TEXT)),
            "conditions": {"type": "object", "additionalProperties": _CONDITION},
            "every_operator": _list(_NAMED_OR_OWN),
            "operators": _list(
                _object(
                    {
                        "codes": _CODES,
                        "versions": _VERSIONS,
                        "conditions": _list(_NAMED_OR_OWN),
                    },
                    ["codes"],
                )
            ),
            "refused": _list(_object({"codes": _CODES, **_SAID}, ["codes"])),
            "unlisted": _object(_SAID),
            "memory": _object(
                {
                    "parameter_cache_bytes": _SIZE,
                    "working_bytes": _SIZE,
                    "parameter_bytes": {"type": "object", "additionalProperties": _EXPRESSION},
                    "tiles": _NATURAL,
                    "streamed_when": {**_EXPRESSION, "type": ["string", "null"]},
                }
            ),
            "fixed_shapes": _FLAG,
            "lowest_versions": _FLAG,
        },
        ["name"],
    )
)
