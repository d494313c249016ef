"""The integers that activations become, and what kernels on them have in common.

Everything that depends on how wide activations are is read off these values. Importing them costs
nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tfedge.quantization import policy


class Rescaling(enum.Enum):
    """How kernels bring a sum of products to the scale of their result.

    TWICE: sums of 32 bits, times 31 bits of a multiplier; rounded, shifted and rounded again.
    ONCE: sums of 64 bits, times 15 bits of a multiplier; shifted and rounded, halves up.

    Source: both forms of MultiplyByQuantizedMultiplier in TFLite's reference kernels.
    """

    TWICE = "twice"
    ONCE = "once"


@dataclass(frozen=True)
class ActivationType:
    """Activations of one width.

    Attributes:
        bits: of an integer.
        element: its key in the policy's tables by element type.
        scheme: its key, with weights of 8 bits, in the policy's tables by scheme.
        bias: the type of biases, which is that of the kernels' accumulators.
        symmetric: whether the zero point is 0 and a range as wide on either side of it.
        sums: how sums of products are brought to the result's scale.
        add_fraction_bits: how many ADD and SUB put behind their operands.
    """

    bits: int
    element: str
    scheme: str
    bias: str
    symmetric: bool
    sums: Rescaling
    add_fraction_bits: int

    @property
    def high(self) -> int:
        """The integer of a range's upper end, which is the largest."""
        return (1 << (self.bits - 1)) - 1

    @property
    def low(self) -> int:
        """The integer of a range's lower end."""
        return -self.high if self.symmetric else self.least

    @property
    def least(self) -> int:
        """The least integer."""
        return -(1 << (self.bits - 1))

    @property
    def steps(self) -> int:
        """From one end of a range to the other."""
        return self.high - self.low

    @property
    def largest_step(self) -> int:
        """How far an integer may lie from the zero point."""
        return -self.least if self.symmetric else self.high - self.least


INT8 = ActivationType(
    bits=8,
    element=policy.INT8,
    scheme=policy.INT8,
    bias="int32",
    symmetric=False,
    sums=Rescaling.TWICE,
    add_fraction_bits=20,
)
INT16 = ActivationType(
    bits=16,
    element=policy.INT16,
    scheme=policy.INT16X8,
    bias="int64",
    symmetric=True,
    sums=Rescaling.ONCE,
    add_fraction_bits=15,
)

ACTIVATION_TYPES: Mapping[int, ActivationType] = MappingProxyType(
    {each.bits: each for each in (INT8, INT16)}
)
