"""tfedge: Keras models, smaller, on microcontrollers, Edge TPUs and NPUs.

Importing this package is cheap: neither TensorFlow nor Keras is imported until
something that needs them is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tfedge.keras_registration import import_with_keras, register_with_keras

__version__ = "0.1.0"

# Public names, and the modules that have them.
_FACADES = {
    "Calibration": "tfedge_converters.quantize",
    "calibrate": "tfedge_converters.calibrate_model",
    "check": "tfedge_converters.check",
    "convert": "tfedge_converters.conversion",
    "diagnose": "tfedge_converters.diagnosis",
    "search_widths": "tfedge_converters.search",
    "verify": "tfedge_converters.verify",
}
_TRAINING = {"quantize": "tfedge.quantization.model", "strip": "tfedge.stripping"}
_MODULES = (
    "callbacks", "clustering", "distillation", "factorization", "layers", "pruning", "quantization",
)  # fmt: skip

__all__ = [
    "Calibration",
    "__version__",
    "calibrate",
    "callbacks",
    "check",
    "clustering",
    "convert",
    "diagnose",
    "distillation",
    "factorization",
    "layers",
    "pruning",
    "quantization",
    "quantize",
    "search_widths",
    "strip",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Loads what needs Keras or the converters only when it is first used."""
    if name in _FACADES:
        return getattr(import_module(_FACADES[name]), name)
    if name in _TRAINING:
        return getattr(import_with_keras(_TRAINING[name]), name)
    if name in _MODULES:
        return import_module(f"tfedge.{name}")
    raise AttributeError(f"module 'tfedge' has no attribute '{name}'")


register_with_keras()
