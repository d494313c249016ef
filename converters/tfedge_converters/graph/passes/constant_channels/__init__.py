"""Takes out of an integer model what cannot change its outputs, and proves it on the way."""

from tfedge_converters.graph.passes.constant_channels.folding import fold_constant_channels
from tfedge_converters.graph.passes.constant_channels.report import ChannelFolding, FoldedLayer

__all__ = ["ChannelFolding", "FoldedLayer", "fold_constant_channels"]
