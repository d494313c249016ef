"""Public names that are imported when they are first used.

What a package offers, and which module each name comes from, is written in the stub beside it, a
`.pyi` file, and nowhere else: type checkers and editors read it, and so does `attach`. Importing
such a package costs nothing, in whatever order packages are imported.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from tfedge.keras_packages import needing_keras
from tfedge.keras_registration import register_if_loaded


def attach(
    name: str, file: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]], tuple[str, ...]]:
    """Return the functions by which a module has the names of its stub (PEP 562).

    Args:
        name, file: the module's `__name__` and `__file__`.

    Returns:
        Its `__getattr__`, `__dir__` and `__all__`.
    """
    places = places_in(Path(file).with_suffix(".pyi"))

    def get(attribute: str) -> Any:
        module = sys.modules[name]
        if attribute not in places:
            message = f"module '{name}' has no attribute '{attribute}'"
            raise AttributeError(message, name=attribute, obj=module)
        place = places[attribute]
        with needing_keras(f"{name}.{attribute}"):
            if place is None:
                value: Any = import_module(f"{name}.{attribute}")
            else:
                value = getattr(import_module(place), attribute)
        setattr(module, attribute, value)
        register_if_loaded()
        return value

    def listed() -> list[str]:
        own = (each for each in vars(sys.modules[name]) if each.startswith("__"))
        return sorted({*places, *own})

    return get, listed, tuple(sorted(places))


def places_in(stub: Path) -> dict[str, str | None]:
    """By each public name, the module that it is imported from; None for modules of the package."""
    body = ast.parse(stub.read_text("utf-8")).body
    imports = [statement for statement in body if isinstance(statement, ast.ImportFrom)]
    return {alias.name: each.module for each in imports for alias in each.names}
