"""Result of a search for widths."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfedge.quantization.schemes import Scheme
from tfedge.result import Result
from tfedge.terminal_text import cells
from tfedge_converters.ptq.noise import decibels
from tfedge_converters.search.costs import Choice
from tfedge_converters.search.program import Point

# So many points of a front tell its story.
_SHOWN = 12
_USUAL = 8


@dataclass(frozen=True)
class LayerWidth:
    """Width of one layer, and why.

    Attributes:
        name: see `graph.layers.layer_names`.
        bits: of its weights.
        activation_bits: that it computes in, and of its result.
        flash: bytes of its constants.
        noise: relative noise power at the output, of its weights alone.
        reason: in words.
    """

    name: str
    bits: int
    activation_bits: int
    flash: int
    noise: float
    reason: str

    @staticmethod
    def of(options: Sequence[Choice], chosen: int, activation_bits: int) -> LayerWidth:
        """One of a layer's choices, which go from wide to narrow."""
        choice = options[chosen]
        return LayerWidth(
            choice.layer,
            choice.bits,
            activation_bits,
            choice.flash,
            choice.noise,
            _reason(options, chosen),
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


@dataclass(frozen=True)
class ActivationWidth:
    """Width of activations that share a grid, and why.

    Attributes:
        names: of the activations.
        bits: of each.
        elements: of the largest.
        noise: relative noise power at the output, of their rounding alone, as who reads them
            hears it.
        reason: in words.
    """

    names: tuple[str, ...]
    bits: int
    elements: int
    noise: float
    reason: str


@dataclass(frozen=True)
class ArenaPoint:
    """Widths of activations that were tried.

    Attributes:
        arena: bytes of generated C's arena.
        noise: relative power at the output, measured with the widest weights that were allowed,
            and what is predicted to come on top with narrower ones.
        wide: the names of the activations of 16 bits.
    """

    arena: int
    noise: float
    wide: tuple[str, ...]


def arena_front(points: Sequence[ArenaPoint]) -> tuple[ArenaPoint, ...]:
    """Those that no other has both a smaller arena and less noise than, by arena."""
    kept: list[ArenaPoint] = []
    for point in sorted(points, key=lambda p: (p.arena, p.noise, len(p.wide))):
        if not kept or point.noise < kept[-1].noise:
            kept.append(point)
    return tuple(kept)


@dataclass(frozen=True, eq=False, repr=False)
class WidthSearch(Result):
    """The result of `tfedge.search_widths`.

    Attributes:
        name: of the model.
        scheme: for `tfedge.convert(…, quantization=scheme)`.
        flash: bytes of the artifact.
        arena: bytes of generated C's arena; None for targets without C.
        bit_operations: of one inference.
        predicted_noise: the sum of the layers' relative noise powers at the output, of weights.
        noise: the measured one, of the whole integer model with its activations.
        layers: what each got, in the order of the graph.
        front: the points that nothing beats in both flash and predicted noise, by flash; `flash`
            is that of the whole artifact.
        activations: what each group of them got, in the order of the graph; empty where their
            widths were not searched.
        arena_front: of the widths of activations that were tried, those that nothing beats in both
            arena and noise, by arena; empty too for targets without C.
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
    activations: tuple[ActivationWidth, ...] = ()
    arena_front: tuple[ArenaPoint, ...] = field(default=(), repr=False)

    def named(self, names: Mapping[str, str]) -> WidthSearch:
        """The same with other names for layers and activations, in the scheme too.

        Args:
            names: by the names of the tensors; what has none keeps its own.
        """
        overrides = self.scheme.overrides.items()
        return dataclasses.replace(
            self,
            scheme=dataclasses.replace(
                self.scheme, overrides={names.get(key, key): layer for key, layer in overrides}
            ),
            layers=tuple(
                dataclasses.replace(layer, name=names.get(layer.name, layer.name))
                for layer in self.layers
            ),
            activations=tuple(
                dataclasses.replace(group, names=_renamed(group.names, names))
                for group in self.activations
            ),
            arena_front=tuple(
                dataclasses.replace(point, wide=_renamed(point.wide, names))
                for point in self.arena_front
            ),
        )

    def headline(self) -> str:
        """Say what the result costs and how good it is."""
        arena = "" if self.arena is None else f", arena {self.arena:,} bytes"
        return (
            f"{self.name}: {self.flash:,} bytes of flash{arena}, {self.bit_operations:,} bit "
            f"operations; {decibels(self.noise):.1f} dB at the output"
        )

    def sections(self) -> Iterable[Any]:
        """The tables: of layers with the verdict below, of activations, and both fronts."""
        yield self.table()
        yield self.front_table()
        if self.activations:
            yield self.activation_table()
        if self.arena_front:
            yield self.arena_table()

    def verdict(self) -> str:
        """Say what the result costs, how good it is, and what of that was predicted."""
        activations = ""
        if self.activations:
            wide = sum(group.bits > _USUAL for group in self.activations)
            alone = decibels(sum(group.noise for group in self.activations))
            activations = (
                f", and activations alone, of which {wide} of {len(self.activations)} have more "
                f"than {_USUAL} bits, {alone:.1f} dB"
            )
        return (
            f"{self.headline()}, of which weights alone were predicted to leave "
            f"{decibels(self.predicted_noise):.1f} dB{activations}"
        )

    def table(self) -> Any:
        """A rich table, a layer a line."""
        from rich import box
        from rich.table import Table

        verdict = cells(self.verdict())[0]
        table = Table("layer", box=box.SIMPLE, caption=verdict, caption_justify="left")
        for title in ("bits", "activations", "bytes", "dB alone"):
            table.add_column(title, justify="right")
        table.add_column("why")
        for layer in self.layers:
            table.add_row(
                *cells(
                    layer.name,
                    str(layer.bits),
                    str(layer.activation_bits),
                    f"{layer.flash:,}",
                    f"{decibels(layer.noise):.1f}",
                    layer.reason,
                )
            )
        return table

    def activation_table(self) -> Any:
        """A rich table, a line for activations that share a grid."""
        from rich import box
        from rich.table import Table

        table = Table("activations", box=box.SIMPLE)
        for title in ("bits", "elements", "dB alone"):
            table.add_column(title, justify="right")
        table.add_column("why")
        for group in self.activations:
            more = f" and {len(group.names) - 1} more" if len(group.names) > 1 else ""
            table.add_row(
                *cells(
                    f"{group.names[0]}{more}",
                    str(group.bits),
                    f"{group.elements:,}",
                    f"{decibels(group.noise):.1f}",
                    group.reason,
                )
            )
        return table

    def front_table(self) -> Any:
        """A rich table of the Pareto front of flash and noise, thinned out where it is long."""
        return _front_table(
            ("flash bytes", "predicted dB, weights alone"),
            [(point.flash, point.noise) for point in self.front],
        )

    def arena_table(self) -> Any:
        """A rich table of the front of arena and noise, thinned out where it is long."""
        return _front_table(
            ("arena bytes", "dB at the output"),
            [(point.arena, point.noise) for point in self.arena_front],
        )


def _front_table(titles: tuple[str, str], points: Sequence[tuple[int, float]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(*titles, box=box.SIMPLE)
    step = max(1, -(-len(points) // _SHOWN))
    for size, noise in (*points[:-1:step], points[-1]):
        table.add_row(f"{size:,}", f"{decibels(noise):.1f}")
    return table


def _renamed(given: Sequence[str], names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(names.get(name, name) for name in given)
