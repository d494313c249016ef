"""Thinner models: layers as products of smaller ones.

Importing it costs nothing; what needs Keras is loaded when it is used.
"""

from __future__ import annotations

from typing import Any

from tfedge.keras_registration import import_with_keras

_LAZY = {
    "Energy": "tfedge.factorization.ranks",
    "Fixed": "tfedge.factorization.ranks",
    "RankRule": "tfedge.factorization.ranks",
    "Vbmf": "tfedge.factorization.ranks",
    "factorize": "tfedge.factorization.thinning",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    """Loads what needs Keras only when it is first used."""
    if name in _LAZY:
        return getattr(import_with_keras(_LAZY[name]), name)
    raise AttributeError(f"module 'tfedge.factorization' has no attribute '{name}'")
