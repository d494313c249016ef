"""Quantisation: schemes, the policy table, range markers, and training on integer grids.

Importing it costs nothing; what needs Keras is loaded when it is used.
"""

from __future__ import annotations

from typing import Any

from tfedge.keras_registration import import_with_keras
from tfedge.quantization.schemes import ActivationScheme, LayerScheme, Scheme, WeightScheme

_LAZY = {
    "Phase": "tfedge.quantization.phase",
    "QuantizedModel": "tfedge.quantization.model",
    "register": "tfedge.quantization.layer_table",
}

__all__ = [
    "ActivationScheme",
    "LayerScheme",
    "Phase",
    "QuantizedModel",
    "Scheme",
    "WeightScheme",
    "register",
]


def __getattr__(name: str) -> Any:
    """Loads what needs Keras only when it is first used."""
    if name in _LAZY:
        return getattr(import_with_keras(_LAZY[name]), name)
    raise AttributeError(f"module 'tfedge.quantization' has no attribute '{name}'")
