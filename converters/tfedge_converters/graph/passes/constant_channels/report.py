"""Report of the channels that were folded in a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FoldedLayer:
    """A convolution or dense layer before and after.

    Attributes:
        operator: its code.
        name: of its result.
        channels: of its result, before and after.
        multiplications: of its weights in one inference, before and after.
    """

    operator: str
    name: str
    channels: tuple[int, int]
    multiplications: tuple[int, int]


@dataclass(frozen=True)
class ChannelFolding:
    """Channels that were taken out of a model, whose outputs this cannot change.

    Attributes:
        layers: the convolutions and dense layers on int8, in the graph's order.
    """

    layers: tuple[FoldedLayer, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything was taken out."""
        return any(layer.multiplications[0] != layer.multiplications[1] for layer in self.layers)

    @property
    def multiplications(self) -> tuple[int, int]:
        """Multiplications of all layers in one inference, before and after."""
        before, after = (sum(layer.multiplications[i] for layer in self.layers) for i in (0, 1))
        return before, after

    def lines(self) -> list[str]:
        """The report as text; nothing where nothing was taken out."""
        if not self.changed:
            return []
        before, after = self.multiplications
        cut = [layer for layer in self.layers if layer.channels[0] != layer.channels[1]]
        width = max(len(layer.operator) for layer in self.layers)
        return [
            f"{1 - after / before:.0%} of the multiplications cannot change an output and were "
            f"removed: {before:,} became {after:,}. Channels that are constant or unread:",
            *(
                f"  {layer.operator:<{width}} {layer.channels[0]:>6,} -> {layer.channels[1]:<6,} "
                f"{layer.name}"
                for layer in cut
            ),
        ]
