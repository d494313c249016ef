"""Recovery of accuracy that rounding to integers loses, without training: steps with settings.

Their names, with the default settings, are what `tfedge.convert(recovery=...)` takes as well; a
class derived from one of these takes its place.
"""

from tfedge.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
