"""A layer of the program: an operator, and the calls that compute it."""

from __future__ import annotations

from dataclasses import dataclass

from tfedge_converters.c.kernel_call import Lowered
from tfedge_converters.graph.types import Operator


@dataclass(frozen=True, eq=False)
class Layer:
    """An operator of the graph with the kernel calls that compute it.

    Attributes:
        index: its number, see `graph.layers.layer_numbers`.
        name: of what it makes, see `graph.layers.layer_names`.
        operator: the one.
        lowered: to these calls.
    """

    index: int
    name: str
    operator: Operator
    lowered: Lowered

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of one inference."""
        return sum(call.macs for call in self.lowered.calls)
