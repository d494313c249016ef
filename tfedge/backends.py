"""What makes a target's files and proves that they run, for back ends of your own.

A class derived from `Backend`, registered before a conversion, is what target files may name.
"""

from tfedge.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
