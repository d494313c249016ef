"""Quantisation: schemes, and training on integer grids."""

from tfedge.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
