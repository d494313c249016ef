"""State of ours that belongs to a layer of the user's model.

A part is a layer without a call: as an attribute of the layer that it speaks of it is saved,
restored and resumed with the model, while the model's config stays what it is.
"""

from __future__ import annotations

from typing import Any, TypeVar

Part = TypeVar("Part")

# The attribute that holds the parts which act on a layer's weights while it trains.
WEIGHT_PARTS = "tfedge_weight_parts"


class unlocked:  # noqa: N801 - reads as the statement that it is
    """Lets a built layer take new parts."""

    def __init__(self, layer: Any):
        self.tracker = layer._tracker

    def __enter__(self) -> None:
        self.tracker.unlock()

    def __exit__(self, *_: Any) -> None:
        self.tracker.lock()


def parts_of(layer: Any, kind: type[Part]) -> list[Part]:
    """The parts of a kind that act on a layer's weights."""
    return [part for part in getattr(layer, WEIGHT_PARTS, []) if isinstance(part, kind)]


def add_part(layer: Any, part: Any) -> None:
    """Gives a built layer a part that acts on its weights."""
    parts = [*getattr(layer, WEIGHT_PARTS, []), part]
    with unlocked(layer):
        setattr(layer, WEIGHT_PARTS, parts)


def drop_part(layer: Any, part: Any) -> None:
    """Takes a part from a layer again."""
    parts = [other for other in getattr(layer, WEIGHT_PARTS) if other is not part]
    with unlocked(layer):
        layer._tracker.untrack(part)
        setattr(layer, WEIGHT_PARTS, parts)
