"""Kernels of operators: every file of this folder that lowers operators registers them.

What is registered is asked of this package, which has imported all of its files by then.
"""

from tfedge_converters.c.registry import kernel_for, kernels_of, supported_operators
from tfedge_converters.submodules import submodules

__all__ = ["kernel_for", "kernels_of", "supported_operators"]

submodules(__name__)
