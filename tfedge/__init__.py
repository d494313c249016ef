"""tfedge: Keras models, smaller, on microcontrollers, Edge TPUs and NPUs.

Importing this package is cheap: neither TensorFlow nor Keras is imported until
something that needs them is used. What it and its packages list (`dir`, `__all__`) is public;
everything else is private and may change.
"""

from tfedge.keras_registration import register_with_keras
from tfedge.lazy_imports import attach

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(__name__, __file__)

register_with_keras()
