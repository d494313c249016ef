"""Observation of activations on calibration data, for training and for conversion.

Using it costs NumPy alone.
"""

from tfedge.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
