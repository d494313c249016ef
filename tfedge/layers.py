"""Layer wrappers, for models that are built by hand."""

from tfedge.pruning.prune_layer import Prune
from tfedge.quantization.quantize_layer import Quantize, QuantizeInput

__all__ = ["Prune", "Quantize", "QuantizeInput"]
