"""JSON of strangers: read within bounds, and held against a schema before anything relies on it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import fastjsonschema

from tfedge.errors import TfedgeError
from tfedge.files import open_file, reason_of
from tfedge.near_names import near
from tfedge.terminal_text import readable

# What tfedge reads is written by people or holds a name for each layer.
_MOST_BYTES = 1 << 22
_MOST_LEVELS = 50
_SHOWN = 60


# Control characters, ends of lines, and what turns the direction of writing.
_NOT_OF_A_LINE = "\\x00-\\x1f\\x7f-\\x9f\\u200b-\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff"


def line_of_text(longest: int) -> dict[str, Any]:
    """The schema of a text for people, on one line."""
    return {
        "type": "string",
        "maxLength": longest,
        "pattern": f"^[^{_NOT_OF_A_LINE}]*$",
        "description": f"a line of up to {longest:,} characters",
    }


class Form:
    """Schema for a kind of JSON.

    Args:
        schema: JSON Schema, draft 7. A "description" says what is expected at its place, in words
            that go on "… is expected"; sub-schemas that can be broken have one.
    """

    def __init__(self, schema: Mapping[str, Any]):
        self._schema = schema

    def read(self, path: Path) -> Any:
        """The content of a file.

        Raises:
            TfedgeError: it cannot be read, is no JSON, or does not look as it has to.
        """
        try:
            with open_file(path) as file:
                text = file.read(_MOST_BYTES + 1)
        except (OSError, ValueError) as error:
            raise TfedgeError(f"{path}: cannot be read: {reason_of(error)}") from None
        return self.parsed(text, str(path))

    def parsed(self, text: str | bytes, source: str) -> Any:
        """Parse JSON and check its form.

        Args:
            text: JSON in UTF-8.
            source: what messages call it.

        Raises:
            TfedgeError: it is no JSON, or does not look as it has to.
        """
        if len(text) > _MOST_BYTES:
            raise TfedgeError(f"{source}: is longer than {_MOST_BYTES:,} bytes")
        try:
            value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
        except (ValueError, RecursionError) as error:
            raise TfedgeError(readable(f"{source}: is not JSON: {error}")) from None
        return self.checked(value, source)

    def checked(self, value: Any, source: str) -> Any:
        """The value itself.

        Raises:
            TfedgeError: it does not look as it has to; says where, what is expected and what there
                is.
        """
        if is_deeper(value, _MOST_LEVELS):
            raise TfedgeError(f"{source}: is nested too deeply")
        try:
            self._validate(value)
        except fastjsonschema.JsonSchemaValueException as error:
            raise TfedgeError(readable(f"{source}: {_problem(error)}")) from None
        return value

    @cached_property
    def _validate(self) -> Callable[[Any], Any]:
        return fastjsonschema.compile(self._schema, use_default=False)


def is_deeper(value: Any, levels: int) -> bool:
    """Tell whether parsed JSON has more levels than what goes through them should meet."""
    level = [value]
    for _ in range(levels):
        level = [part for whole in level for part in _parts(whole)]
    return bool(level)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; one with a key twice would be read in two ways."""
    found = dict(pairs)
    if len(found) < len(pairs):
        [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key '{_short(key)}' is there twice")
    return found


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _problem(error: Any) -> str:
    place = error.name.removeprefix("data").removeprefix(".")
    where = f"{_short(place)}: " if place else ""
    if error.rule == "required":
        missing = next(key for key in error.rule_definition if key not in error.value)
        return f"{where}'{missing}' is missing"
    if error.rule == "additionalProperties" and isinstance(error.value, dict):
        return where + _unknown_key(error)
    return f"{where}{_expected(error)} is expected, not {_short(json.dumps(error.value))}"


def _unknown_key(error: Any) -> str:
    known = sorted(error.definition["properties"])
    unknown = next(key for key in error.value if key not in known)
    hint = near(unknown, known) or f"; known are {', '.join(known)}"
    return f"there is no '{_short(unknown)}' here{hint}"


def _expected(error: Any) -> str:
    if "description" in error.definition:
        return str(error.definition["description"])
    if "enum" in error.definition:
        return "one of " + ", ".join(map(json.dumps, error.definition["enum"]))
    return _KINDS[error.definition["type"]]


_KINDS = {"object": "an object", "array": "a list", "string": "a text", "boolean": "true or false"}


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
