"""Small models that learn from large ones: losses, teachers, and what trains students.

Builds on `keras.distillation`: the losses are its DistillationLoss objects, the Distiller is its
Distiller.
"""

from tfedge.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
