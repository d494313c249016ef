"""The modules of a folder that holds one for each thing of a kind."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType


def submodules(package: str) -> list[ModuleType]:
    """Import the modules of a package.

    Args:
        package: its full name, "tfedge_converters.backends".

    Returns:
        Them in the order of their names.
    """
    paths = import_module(package).__path__
    names = sorted(module.name for module in pkgutil.iter_modules(paths))
    return [import_module(f"{package}.{name}") for name in names]
