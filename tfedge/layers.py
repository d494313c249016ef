"""Layer wrappers, for models that are built by hand."""

from tfedge.quantization.quantize_layer import Quantize, QuantizeInput

__all__ = ["Quantize", "QuantizeInput"]
