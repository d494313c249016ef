"""The width that markers give weights which training put on integers."""

from __future__ import annotations

from tfedge.markers.protocol import Number


def weight_bits(name: str, required: bool) -> Number:
    """The field, 2 to 8 bits, written under a name."""
    return Number(name, int, range(2, 9).__contains__, "weights have 2 to 8 bits", required)
