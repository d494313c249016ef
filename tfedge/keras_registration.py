"""Registration of our layers for `keras.models.load_model`, at no cost where Keras is not used."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module, util
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# What Keras' files may name is made of what is public here.
_REGISTERING = ("tfedge.layers", "tfedge.callbacks", "tfedge.distillation")
_is_registered = False


def register_with_keras() -> None:
    """Register our classes now if Keras is loaded, otherwise as soon as it gets loaded."""
    if "keras" in sys.modules:
        register_if_loaded()
    else:
        sys.meta_path.insert(0, _AfterKeras())


def register_if_loaded() -> None:
    """Register our classes if Keras is loaded and runs on TensorFlow; once is enough.

    Not in the middle of an import, of Keras or of a module of ours: what the classes are made of
    must not be half imported. Whoever imports a public name asks again behind it.
    """
    global _is_registered
    keras: Any = sys.modules.get("keras")
    if _is_registered or not hasattr(keras, "backend") or _is_importing():
        return
    _is_registered = True
    if keras.backend.backend() == "tensorflow":
        for face in map(import_module, _REGISTERING):
            for name in face.__all__:
                getattr(face, name)
        import_module("tfedge.keras_hooks").install()


def _is_importing() -> bool:
    """Whether a module of ours is being imported, and has asked for Keras."""
    ours = [module for name, module in list(sys.modules.items()) if name.startswith("tfedge.")]
    specs = (getattr(module, "__spec__", None) for module in ours)
    return any(getattr(spec, "_initializing", False) for spec in specs)


class _AfterKeras(MetaPathFinder):
    """Import hook that steps aside when `keras` is asked for, and registers once it has run."""

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
        try:
            register_if_loaded()
        except Exception as error:  # Keras must work without us, whatever is wrong
            warnings.warn(
                "tfedge cannot register its layers, so that keras.models.load_model will not know "
                f"them: {error}; does this Keras, {getattr(module, '__version__', '?')}, fit what "
                "'pip check' says of tfedge?",
                stacklevel=2,
            )

    loader.exec_module = exec_module
