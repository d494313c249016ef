"""Imports of what a trusted model's configuration names outside of Keras."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from tfedge.errors import UnsupportedError
from tfedge_converters.export.trust.configs import all_described

_OWN = ("builtins", "keras", "tf_keras", "tensorflow")


def foreign_objects(configs: Mapping[str, Any]) -> dict[str, Any]:
    """The classes and functions that configurations name in other modules; imports these.

    Args:
        configs: parsed JSON of a file that is trusted, by where it stands in the file.

    Returns:
        Custom objects for Keras, by the names that the configurations have for them.

    Raises:
        UnsupportedError: a module cannot be imported.
    """
    found: dict[str, Any] = {}
    for described in all_described(configs):
        content = described.content
        module, class_name = content.get("module"), content["class_name"]
        if not isinstance(module, str) or module.split(".")[0] in _OWN:
            continue
        is_function = class_name == "function"
        name = str(content.get("config") if is_function else class_name)
        try:
            value = getattr(import_module(module), name, None)
        except Exception as error:  # whatever the module's own code raises
            raise UnsupportedError(
                f"{described.words} uses '{module}.{name}', and importing '{module}' failed "
                f"({type(error).__name__}: {error})"
            ) from error
        if value is not None:
            found[name] = value
        if value is not None and not is_function:
            found[str(content.get("registered_name") or name)] = value
    return found
