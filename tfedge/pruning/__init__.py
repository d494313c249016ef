"""Smaller models: channels that are removed."""

from tfedge.pruning.budget import Budget
from tfedge.pruning.channel_graph import LayerChannels
from tfedge.pruning.comparison import Comparison, ModelCost, compare, cost_of
from tfedge.pruning.importance import BatchNormScale, FirstOrder, Importance, Magnitude
from tfedge.pruning.removal import removable_channels, remove_channels

__all__ = [
    "BatchNormScale",
    "Budget",
    "Comparison",
    "FirstOrder",
    "Importance",
    "LayerChannels",
    "Magnitude",
    "ModelCost",
    "compare",
    "cost_of",
    "removable_channels",
    "remove_channels",
]
