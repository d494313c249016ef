"""Back ends of your own: each makes the files of a target, and tests that they run.

A class derived from `Backend`, registered before a conversion, is what target files may name.
"""

from tfedge.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
