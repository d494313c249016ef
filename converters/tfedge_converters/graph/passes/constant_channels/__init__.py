"""Removal of channels that cannot change an integer model's outputs, as their bounds prove."""

from tfedge_converters.graph.passes.constant_channels.folding import fold_constant_channels
from tfedge_converters.graph.passes.constant_channels.report import ChannelFolding, FoldedLayer

__all__ = ["ChannelFolding", "FoldedLayer", "fold_constant_channels"]
