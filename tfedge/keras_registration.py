"""Lets `keras.models.load_model` know our layers, at no cost where Keras is not used."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module, util
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_REGISTERING = ("tfedge.layers", "tfedge.callbacks", "tfedge.distillation")


def register_with_keras() -> None:
    """Registers our classes now if Keras is loaded, otherwise as soon as it gets loaded."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _AfterKeras())


def import_with_keras(name: str) -> ModuleType:
    """Imports a module of ours that needs Keras.

    Keras is imported before it: once that is done our classes register, and what they are made of
    must not be half imported by then.
    """
    import_module("keras")
    return import_module(name)


def _register() -> None:
    keras = sys.modules["keras"]
    if not hasattr(keras, "backend"):
        return  # tfedge is being imported from inside of Keras' own import
    if keras.backend.backend() == "tensorflow":
        for name in _REGISTERING:
            import_module(name)


class _AfterKeras(MetaPathFinder):
    """Steps aside when `keras` is asked for, and registers once it has run."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of Keras, with a loader that registers afterwards; None for the rest."""
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = util.find_spec("keras")
        if spec is not None and spec.loader is not None:
            _run_afterwards(spec.loader)
        return spec


def _run_afterwards(loader: Any) -> None:
    run = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        run(module)
        _register()

    loader.exec_module = exec_module
