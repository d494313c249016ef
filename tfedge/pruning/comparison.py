"""Before and after: what a model costs, layer by layer."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tfedge.plain_models import require_plain, unique_names
from tfedge.pruning.channel_graph import channel_graph
from tfedge.pruning.costs import Costs
from tfedge.terminal_text import cells


@dataclass(frozen=True)
class Amounts:
    """MACs and parameters of a layer or a model."""

    macs: int
    parameters: int


@dataclass(frozen=True)
class ModelCost:
    """What a model costs.

    Attributes:
        total: of all layers.
        ram: bytes of int8 activations that are alive at once.
        layers: by name, those that have weights or multiply.
        kinds: of the layers, by name.
        uncounted: names of layers whose MACs nobody knows; they count as 0.
    """

    total: Amounts
    ram: int
    layers: dict[str, Amounts]
    kinds: dict[str, str]
    uncounted: tuple[str, ...] = ()


def cost_of(model: Any) -> ModelCost:
    """What a model costs on a device; see `tfedge.pruning.costs` for what is counted.

    Raises:
        TfedgeError: the model is not a plain Keras 3 model.
    """
    require_plain(model)
    graph = channel_graph(model)
    costs = Costs(graph)
    sizes = costs.sizes(np.ones(graph.count, bool))
    names = unique_names(graph.computation)
    rows = costs.by_layer(names)
    return ModelCost(
        Amounts(int(costs.macs.amount(sizes)), int(costs.parameters.amount(sizes))),
        int(costs.ram.amount(sizes)),
        {r.name: Amounts(int(r.macs.amount(sizes)), int(r.parameters.amount(sizes))) for r in rows},
        {row.name: row.kind for row in rows},
        tuple(names[id(one)] for one in costs.uncounted),
    )


@dataclass(frozen=True)
class Comparison:
    """Two models side by side; prints as a table.

    Attributes:
        before, after: what they cost.
    """

    before: ModelCost
    after: ModelCost

    def table(self) -> Table:
        """A rich table: every layer, and the sums."""
        unknown = dict.fromkeys((*self.before.uncounted, *self.after.uncounted))
        caption = f"without the MACs of {', '.join(unknown)}, which nobody knows"
        table = Table("layer", "kind", title="before → after", caption=caption if unknown else None)
        for heading in ("MACs", "parameters"):
            table.add_column(heading, justify="right")
        nothing = Amounts(0, 0)
        old, new = self.before.layers, self.after.layers
        for name in [*new, *(name for name in old if name not in new)]:
            kind = self.after.kinds.get(name) or self.before.kinds[name]
            table.add_row(
                *cells(name, kind), *_amounts(old.get(name, nothing), new.get(name, nothing))
            )
        table.add_section()
        table.add_row("all", "", *_amounts(self.before.total, self.after.total))
        table.add_row("RAM, int8", "", "", _cell(self.before.ram, self.after.ram))
        return table

    def __str__(self) -> str:
        """The table as text."""
        console = Console(file=io.StringIO(), width=100)
        console.print(self.table())
        text: io.StringIO = console.file  # type: ignore[assignment]
        return text.getvalue()


def compare(before: Any, after: Any) -> Comparison:
    """What became smaller from one model to another.

    Raises:
        TfedgeError: one of them is not a plain Keras 3 model.
    """
    return Comparison(cost_of(before), cost_of(after))


def _amounts(before: Amounts, after: Amounts) -> tuple[str, str]:
    return _cell(before.macs, after.macs), _cell(before.parameters, after.parameters)


def _cell(before: int, after: int) -> str:
    if before == after:
        return f"{before:,}"
    share = f" ({after / before:.0%})" if before else ""
    return f"{before:,} → {after:,}{share}"
