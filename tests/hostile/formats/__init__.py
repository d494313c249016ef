"""Every kind of file that tfedge reads beside .tflite: how to write, damage and read it."""

from hostile.formats import (
    arrays,
    caches,
    calibrations,
    compiled,
    compilers,
    descriptions,
    keras_models,
    written,
)
from hostile.formats.format import Format

_MODULES = (
    arrays, calibrations, caches, descriptions, compilers, compiled, keras_models, written
)  # fmt: skip

FORMATS: dict[str, Format] = {
    name: format for module in _MODULES for name, format in module.FORMATS.items()
}

__all__ = ["FORMATS", "Format"]
