"""Pruning: masks while training, and channels that are removed.

Importing it costs nothing; what needs Keras is loaded when it is used.
"""

from __future__ import annotations

from typing import Any

from tfedge.keras_registration import import_with_keras

_LAZY = {
    "Blocks": "tfedge.pruning.patterns",
    "Channels": "tfedge.pruning.patterns",
    "Constant": "tfedge.pruning.schedules",
    "CosineDecay": "tfedge.pruning.schedules",
    "FirstOrder": "tfedge.pruning.importance",
    "Importance": "tfedge.pruning.importance",
    "Magnitude": "tfedge.pruning.importance",
    "Movement": "tfedge.pruning.importance",
    "NM": "tfedge.pruning.patterns",
    "OneShot": "tfedge.pruning.schedules",
    "Pattern": "tfedge.pruning.patterns",
    "PolynomialDecay": "tfedge.pruning.schedules",
    "Regrowth": "tfedge.pruning.schedules",
    "Schedule": "tfedge.pruning.schedules",
    "Unstructured": "tfedge.pruning.patterns",
    "keep_zeros": "tfedge.pruning.masks",
    "masks_of": "tfedge.pruning.masks",
    "prune": "tfedge.pruning.after_training",
    "register": "tfedge.pruning.kernels",
    "BatchNormScale": "tfedge.pruning.channel_importance",
    "Budget": "tfedge.pruning.budget",
    "ChannelImportance": "tfedge.pruning.channel_importance",
    "Comparison": "tfedge.pruning.comparison",
    "FilterNorm": "tfedge.pruning.channel_importance",
    "LayerChannels": "tfedge.pruning.channel_graph",
    "LossChange": "tfedge.pruning.channel_importance",
    "ModelCost": "tfedge.pruning.comparison",
    "compare": "tfedge.pruning.comparison",
    "cost_of": "tfedge.pruning.comparison",
    "removable_channels": "tfedge.pruning.removal",
    "remove_channels": "tfedge.pruning.removal",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    """Loads what needs Keras only when it is first used."""
    if name in _LAZY:
        return getattr(import_with_keras(_LAZY[name]), name)
    raise AttributeError(f"module 'tfedge.pruning' has no attribute '{name}'")
