"""Smaller models: channels that are removed.

Importing it costs nothing; what needs Keras is loaded when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_LAZY = {
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
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'tfedge.pruning' has no attribute '{name}'")
