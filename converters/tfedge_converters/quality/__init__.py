"""Accuracy that a conversion costs: measured, named, and warned of."""

from tfedge_converters.quality.comparison import Comparison, Judgement
from tfedge_converters.quality.limits import Limits
from tfedge_converters.quality.result import OutputQuality, PartQuality, Quality

__all__ = ["Comparison", "Judgement", "Limits", "OutputQuality", "PartQuality", "Quality"]
