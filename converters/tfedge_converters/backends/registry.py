"""Which back ends there are: those of this folder, and those that others registered."""

from __future__ import annotations

from functools import cache

from tfedge.errors import TfedgeError
from tfedge.terminal_text import readable
from tfedge_converters.backends.interface import Backend
from tfedge_converters.submodules import submodules

_registered: dict[str, Backend] = {}


def register_backend(backend: Backend) -> None:
    """Add a back end, which targets name from then on.

    Raises:
        TfedgeError: there is one of that name.
    """
    if backend.name in {known.name for known in all_backends()}:
        raise TfedgeError(f"there is a back end '{backend.name}' already; choose another name")
    _registered[backend.name] = backend


def all_backends() -> list[Backend]:
    """Those of this folder in the order of their names, then those that were registered."""
    return [*_built_in(), *_registered.values()]


def backend_named(name: str) -> Backend:
    """A back end by the name that targets call it.

    Raises:
        TfedgeError: there is none of that name.
    """
    for backend in all_backends():
        if backend.name == name:
            return backend
    known = ", ".join(backend.name for backend in all_backends())
    raise TfedgeError(f"there is no back end '{readable(name)}'; there are {known}")


@cache
def _built_in() -> tuple[Backend, ...]:
    """When first asked for: back ends need targets, and these are checked by back ends."""
    modules = submodules(__name__.rpartition(".")[0])
    return tuple(module.BACKEND for module in modules if hasattr(module, "BACKEND"))
