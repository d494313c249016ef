"""`tfedge.search_widths`: how many bits weights and activations get within a budget."""

from tfedge_converters.search.result import ActivationWidth, ArenaPoint, LayerWidth, WidthSearch
from tfedge_converters.search.widths import search_widths

__all__ = ["ActivationWidth", "ArenaPoint", "LayerWidth", "WidthSearch", "search_widths"]
