"""Keras callbacks that make models smaller while they train."""

from tfedge.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
