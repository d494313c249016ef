"""Which packages there are: one for each module of this folder that has one."""

from __future__ import annotations

from functools import cache

from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge.terminal_text import readable
from tfedge_converters.backends import backend_named
from tfedge_converters.backends.tflite_micro import TFLiteMicro
from tfedge_converters.packages.interface import Package
from tfedge_converters.submodules import submodules
from tfedge_converters.targets import Target


@cache
def all_packages() -> tuple[Package, ...]:
    """Return all in the order of their modules."""
    modules = submodules(__name__.rpartition(".")[0])
    return tuple(module.PACKAGE for module in modules if hasattr(module, "PACKAGE"))


def package_for(name: str, target: Target) -> Package:
    """Return a package by the name that users give.

    Args:
        name: the package's.
        target: what a model is converted for.

    Raises:
        TfedgeError: there is none of that name, or no C is generated for the target.
    """
    names = {package.name: package for package in all_packages()}
    if not isinstance(name, str) or name not in names:
        raise TfedgeError(
            f"there is no package '{readable(str(name))}'; use {', '.join(names)}"
            f"{near(name, names)}"
        )
    backend, package = backend_named(target.backend), names[name]
    if not backend.has_packages:
        raise TfedgeError(
            f"the package '{name}' is made of generated C, and for {target.name} there is none; "
            "choose a target that has it, as cortex-m4, or leave the package out"
        )
    if backend.name == TFLiteMicro.name and not package.takes_interpreter:
        able = ", ".join(known for known, item in names.items() if item.takes_interpreter)
        raise TfedgeError(
            f"the package '{name}' has no form for TFLite Micro; use {able}, or choose a target "
            "with generated C, as cortex-m4"
        )
    return package
