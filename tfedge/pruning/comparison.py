"""Before and after: what a model costs, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from tfedge.plain_models import require_plain, unique_names
from tfedge.pruning.channel_graph import channel_graph
from tfedge.pruning.costs import Costs
from tfedge.result import Result
from tfedge.terminal_text import cells


@dataclass(frozen=True)
class Amounts:
    """MACs and parameters of a layer or a model."""

    macs: int
    parameters: int


@dataclass(frozen=True, repr=False)
class ModelCost(Result):
    """Costs of a model; prints as a table.

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

    def headline(self) -> str:
        """Multiplications, parameters and memory of the whole model."""
        total = self.total
        return f"{total.macs:,} MACs, {total.parameters:,} parameters, {self.ram:,} bytes of RAM"

    def sections(self) -> Iterable[Table]:
        """The table of a comparison with itself."""
        return [_table(self, self, None)]


def cost_of(model: Any) -> ModelCost:
    """Compute a model's cost on a device; see `tfedge.pruning.costs` for what is counted.

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


@dataclass(frozen=True, repr=False)
class Comparison(Result):
    """Two models side by side; prints as a table.

    Attributes:
        before, after: what they cost.
    """

    before: ModelCost
    after: ModelCost

    def headline(self) -> str:
        """Summarise the change of multiplications and parameters."""
        macs, parameters = _amounts(self.before.total, self.after.total)
        return f"{macs} MACs, {parameters} parameters"

    def sections(self) -> Iterable[Table]:
        """Return the table of layers."""
        return [self.table()]

    def table(self) -> Table:
        """A rich table: every layer, and the sums."""
        return _table(self.before, self.after, "before → after")


def _table(before: ModelCost, after: ModelCost, title: str | None) -> Table:
    unknown = dict.fromkeys((*before.uncounted, *after.uncounted))
    caption = f"without the MACs of {', '.join(unknown)}, which nobody knows"
    table = Table("layer", "kind", title=title, caption=cells(caption)[0] if unknown else None)
    for heading in ("MACs", "parameters"):
        table.add_column(heading, justify="right")
    nothing = Amounts(0, 0)
    old, new = before.layers, after.layers
    for name in [*new, *(name for name in old if name not in new)]:
        kind = after.kinds.get(name) or before.kinds[name]
        table.add_row(*cells(name, kind), *_amounts(old.get(name, nothing), new.get(name, nothing)))
    table.add_section()
    table.add_row("all", "", *_amounts(before.total, after.total))
    table.add_row("RAM, int8", "", "", _cell(before.ram, after.ram))
    return table


def compare(before: Any, after: Any) -> Comparison:
    """Compare the costs of two models.

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
