"""Targets of conversion: boards, cores and accelerators, as JSON files describe them."""

from tfedge.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
