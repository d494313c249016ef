"""What a search for widths has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tfedge.quantization.schemes import Scheme
from tfedge_converters.quantize.noise import decibels
from tfedge_converters.search.costs import Choice
from tfedge_converters.search.program import Point

# So many points of a front tell its story.
_SHOWN = 12


@dataclass(frozen=True)
class LayerWidth:
    """What one layer got, and why.

    Attributes:
        name: of its result.
        bits: of its weights.
        flash: bytes of its constants.
        noise: relative noise power at the output, of its weights alone.
        reason: in words.
    """

    name: str
    bits: int
    flash: int
    noise: float
    reason: str

    @staticmethod
    def of(options: Sequence[Choice], chosen: int) -> LayerWidth:
        """One of a layer's choices, which go from wide to narrow."""
        choice = options[chosen]
        return LayerWidth(
            choice.layer, choice.bits, choice.flash, choice.noise, _reason(options, chosen)
        )


def _reason(options: Sequence[Choice], chosen: int) -> str:
    choice = options[chosen]
    parts = []
    if chosen:
        wider = options[chosen - 1]
        parts.append(
            f"saves {_saving(wider, choice)} over {wider.bits} bits at "
            f"{decibels(choice.noise):.1f} dB instead of {decibels(wider.noise):.1f}"
        )
    if chosen + 1 < len(options):
        narrower = options[chosen + 1]
        parts.append(
            f"{narrower.bits} bits would save {_saving(choice, narrower)}, but leave "
            f"{decibels(narrower.noise):.1f} dB"
        )
    return "; ".join(parts) or "no other width costs less"


def _saving(wider: Choice, narrower: Choice) -> str:
    """In bytes, or else, where the narrower one takes no fewer of them, in bit operations."""
    if narrower.flash < wider.flash:
        return f"{wider.flash - narrower.flash:,} bytes"
    return f"{wider.operations - narrower.operations:,} bit operations"


@dataclass(frozen=True, eq=False)
class WidthSearch:
    """The result of `tfedge.search_widths`.

    Attributes:
        name: of the model.
        scheme: for `tfedge.convert(…, quantization=scheme)`.
        flash: bytes of the artifact.
        arena: bytes of generated C's arena; None for targets without C.
        bit_operations: of one inference.
        predicted_noise: the sum of the layers' relative noise powers at the output.
        noise: the measured one, of the whole integer model with its activations.
        layers: what each got, in the order of the graph.
        front: the points that nothing beats in both flash and predicted noise, by flash; `flash`
            is that of the whole artifact.
    """

    name: str
    scheme: Scheme
    flash: int
    arena: int | None
    bit_operations: int
    predicted_noise: float
    noise: float
    layers: tuple[LayerWidth, ...]
    front: tuple[Point, ...] = field(repr=False)

    def verdict(self) -> str:
        """What it costs and how good it is, in words."""
        arena = "" if self.arena is None else f", arena {self.arena:,} bytes"
        return (
            f"{self.name}: {self.flash:,} bytes of flash{arena}, {self.bit_operations:,} bit "
            f"operations; {decibels(self.noise):.1f} dB at the output, of which weights alone "
            f"were predicted to leave {decibels(self.predicted_noise):.1f} dB"
        )

    def table(self) -> Any:
        """A rich table, a layer a line."""
        from rich import box
        from rich.table import Table

        table = Table("layer", box=box.SIMPLE, caption=self.verdict())
        for title in ("bits", "bytes", "dB alone"):
            table.add_column(title, justify="right")
        table.add_column("why")
        for layer in self.layers:
            table.add_row(
                layer.name.split(";")[0],
                str(layer.bits),
                f"{layer.flash:,}",
                f"{decibels(layer.noise):.1f}",
                layer.reason,
            )
        return table

    def front_table(self) -> Any:
        """A rich table of the Pareto front, thinned out where it is long."""
        from rich import box
        from rich.table import Table

        table = Table("flash bytes", "predicted dB, weights alone", box=box.SIMPLE)
        step = max(1, -(-len(self.front) // _SHOWN))
        for point in (*self.front[:-1:step], self.front[-1]):
            table.add_row(f"{point.flash:,}", f"{decibels(point.noise):.1f}")
        return table
