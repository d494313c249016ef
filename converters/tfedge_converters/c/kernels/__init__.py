"""Kernels of operators: every file of this folder that lowers operators registers them.

What is registered is asked of this package, which has imported all of its files by then.
"""

from importlib import import_module
from pkgutil import iter_modules

from tfedge_converters.c.registry import kernel_for, kernels_of, supported_operators

__all__ = ["kernel_for", "kernels_of", "supported_operators"]

for _module in iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)
