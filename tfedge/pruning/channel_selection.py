"""Which channels go: the cheapest steps first, until a budget is met."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.pruning.budget import Budget
from tfedge.pruning.channel_graph import ChannelGraph, Family
from tfedge.pruning.costs import Cost, Costs


@dataclass(eq=False)
class _Ladder:
    """The groups of a family in the order in which they go, a few at a time.

    Attributes:
        steps: the groups of each step, the least important first.
        losses: the importance that each step loses.
        taken: how many steps have been taken.
    """

    steps: list[np.ndarray]
    losses: list[float]
    taken: int = 0

    @property
    def step(self) -> np.ndarray | None:
        """The groups that go next; None at the end."""
        return self.steps[self.taken] if self.taken < len(self.steps) else None


def fewest(total: int, multiple: int, share: float) -> int:
    """The least number of channels that a layer keeps: a multiple, and a share of what it has."""
    return min(total, max(1, math.ceil(total * share / multiple)) * multiple)


def choose(
    graph: ChannelGraph, scores: np.ndarray, budget: Budget, multiple: int, share: float
) -> np.ndarray:
    """Groups that stay, so that a model meets a budget.

    Step by step, the channels go whose importance is the least for what they save.

    Args:
        graph: the model's channels.
        scores: (groups,), importance; NaN for what stays.
        budget: to meet.
        multiple: of which numbers of channels are to be.
        share: of a layer's channels that stays at least.

    Returns:
        (groups,), whether they stay.

    Raises:
        TfedgeError: nothing meets the budget; the message says what is possible.
    """
    costs = Costs(graph)
    cost = budget.cost(costs)
    keep = np.ones(graph.count, bool)
    sizes = costs.sizes(keep)
    limit = budget.amount(cost.amount(sizes))
    ladders = [_ladder(family, scores, multiple, share) for family in graph.families]
    while cost.excess(sizes, limit) > 0:
        best = _cheapest(ladders, costs, cost, sizes, limit)
        if best is None or best.step is None:
            raise _unreachable(budget, costs, cost, keep, ladders)
        keep[best.step] = False
        best.taken += 1
        sizes = costs.sizes(keep)
    return keep


def narrowed(graph: ChannelGraph, scores: np.ndarray, share: float, multiple: int) -> np.ndarray:
    """Groups that stay, so that every layer keeps the same share of its channels.

    Args:
        graph, scores, multiple: as of `choose`.
        share: of the channels that stays, in (0, 1]; what a layer keeps is rounded up.

    Returns:
        (groups,), whether they stay.
    """
    keep = np.ones(graph.count, bool)
    for family in graph.families:
        for step in _ladder(family, scores, multiple, share).steps:
            keep[step] = False
    return keep


def rounded_away(family: Family, groups: np.ndarray, multiple: int) -> np.ndarray:
    """Choose as many of a family's groups as may go for what is left to be a multiple.

    Args:
        family: that they belong to.
        groups: (groups,), whether they could go.
        multiple: of which the number of channels that stay is to be.
    """
    candidates = family.groups[groups[family.groups]]
    each = multiple if family.rounded else 1
    total = len(family.groups)
    left = max(-(-(total - len(candidates)) // each) * each, fewest(total, each, 0.0))
    return candidates[: max(0, total - left)]


def _ladder(family: Family, scores: np.ndarray, multiple: int, share: float) -> _Ladder:
    own = scores[family.groups]
    known = family.groups[~np.isnan(own)]
    order = known[np.argsort(scores[known], kind="stable")]
    each = multiple if family.rounded else 1
    total = len(family.groups)
    room = min(total - fewest(total, each, share), len(order))
    first = total % each or each  # what is not a multiple becomes one
    cuts = [0, *range(first, room + 1, each)]
    steps = [order[a:b] for a, b in itertools.pairwise(cuts)]
    return _Ladder(steps, [float(scores[step].sum()) for step in steps])


def _cheapest(
    ladders: list[_Ladder], costs: Costs, cost: Cost, sizes: np.ndarray, limit: float
) -> _Ladder | None:
    """Whose next step loses the least importance for what it saves."""
    excess = cost.excess(sizes, limit)
    best, least = None, math.inf
    for ladder in ladders:
        if ladder.step is None:
            continue
        smaller = sizes.copy()
        smaller[:-1] -= costs.incidence[:, ladder.step].sum(1)
        saved = excess - cost.excess(smaller, limit)
        if saved > 0 and ladder.losses[ladder.taken] / saved < least:
            best, least = ladder, ladder.losses[ladder.taken] / saved
    return best


def _unreachable(
    budget: Budget, costs: Costs, cost: Cost, keep: np.ndarray, ladders: list[_Ladder]
) -> TfedgeError:
    now = cost.amount(costs.sizes(np.ones(len(keep), bool)))
    least = keep.copy()
    for ladder in ladders:
        for step in ladder.steps:
            least[step] = False
    possible = cost.amount(costs.sizes(least))
    return TfedgeError(
        f"{budget.of} cannot become {budget.amount(now):,.0f} by removing channels: of {now:,.0f} "
        f"at least {possible:,.0f} remain; allow more, a smaller multiple_of or a smaller "
        "keep_at_least, or see tfedge.pruning.removable_channels(model) for what has to stay"
    )
