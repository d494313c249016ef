"""Kernel calls of a plan of generated C."""

from __future__ import annotations

from tfedge_converters.c.kernel_call import KernelCall
from tfedge_converters.c.plan import Plan


def calls_of(layout: Plan) -> list[KernelCall]:
    """The calls of all layers, in the order in which they run."""
    return [call for layer in layout.layers for call in layer.lowered.calls]
