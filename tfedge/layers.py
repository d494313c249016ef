"""Layer wrappers, for models that are built by hand."""

from tfedge.clustering.cluster_layer import Cluster
from tfedge.quantization.quantize_layer import Quantize, QuantizeInput

__all__ = ["Cluster", "Quantize", "QuantizeInput"]
