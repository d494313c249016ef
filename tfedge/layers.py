"""Layer wrappers, for models that are built by hand."""

from tfedge.clustering.cluster_layer import Cluster
from tfedge.pruning.prune_layer import Prune
from tfedge.quantization.quantize_layer import Quantize, QuantizeInput

__all__ = ["Cluster", "Prune", "Quantize", "QuantizeInput"]
