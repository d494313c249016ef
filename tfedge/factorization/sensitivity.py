"""Ranks for a budget: thin first where the outputs change least for what is saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tfedge.equivalence import exchanged
from tfedge.errors import TfedgeError
from tfedge.factorization.factors import Candidate, Cost, cost_of
from tfedge.factorization.methods import Ranks
from tfedge.pruning.budget import MACS, PARAMETERS, Budget

# Shares of the full ranks that are tried.
_SHARES = (0.75, 0.625, 0.5, 0.375, 0.25, 0.1875, 0.125, 0.0625)
_SAMPLES = 256


@dataclass(frozen=True)
class Level:
    """A choice for a layer.

    Attributes:
        ranks: None for the layer as it is.
        cost: in the budget's unit.
        error: of the model's outputs, as a share of their variance.
    """

    ranks: Ranks | None
    cost: int
    error: float


def ranks_for(
    budget: Budget,
    now: int,
    found: list[Candidate],
    model: Any,
    copies: dict[int, Any],
    data: Any,
    multiple: int,
) -> dict[int, Ranks]:
    """Ranks by the identity of layers, so that a model meets a budget.

    Args:
        budget: of MACs or parameters.
        now: what the model costs, in the same unit.
        found: the layers to factorise.
        model: a copy of the model, whose weights may change for a while.
        copies: of every layer, by identity, its copy in `model`.
        data: inputs to measure the outputs with, the first 256 of them.
        multiple: of which ranks are to be.

    Raises:
        TfedgeError: the budget is of something else, there is no data, or no ranks meet it.
    """
    if budget.of not in (MACS, PARAMETERS):
        raise TfedgeError(f"factors are chosen for a budget of macs or parameters, not {budget.of}")
    if data is None:
        raise TfedgeError(
            "ranks for a budget are chosen by what they do to the outputs: give calibration=inputs"
        )
    measure = _Measure(model, data)
    ladders = [_levels(c, copies[id(c.layer)], measure, budget.of, multiple) for c in found]
    at = [0] * len(found)
    total, limit = now, budget.amount(now)
    while total > limit:
        best = _cheapest(ladders, at)
        if best is None:
            least = now - sum(ladder[0].cost - ladder[-1].cost for ladder in ladders)
            raise TfedgeError(
                f"{budget.of} cannot become {limit:,.0f} by factorisation: of {now:,} at least "
                f"{least:,} remain; allow more, or name more layers"
            )
        total -= ladders[best][at[best]].cost - ladders[best][at[best] + 1].cost
        at[best] += 1
    chosen = {id(c.layer): ladders[i][at[i]].ranks for i, c in enumerate(found)}
    return {layer: ranks for layer, ranks in chosen.items() if ranks is not None}


def rounded(ranks: Ranks, full: Ranks, multiple: int) -> Ranks:
    """Up to a multiple, or to the largest rank there is."""
    pairs = zip(ranks, full, strict=True)
    return tuple(min(-(-rank // multiple) * multiple, most) for rank, most in pairs)


def _levels(
    candidate: Candidate, copy: Any, measure: _Measure, of: str, multiple: int
) -> list[Level]:
    """From the layer as it is to the thinnest, each cheaper than the one before."""
    levels = [Level(None, _in(candidate.cost, of), 0.0)]
    full = candidate.method.full(candidate.layer)
    for share in _SHARES:
        ranks = rounded(tuple(max(1, round(share * rank)) for rank in full), full, multiple)
        found = candidate.factorized(ranks)
        cost = cost_of(found.parts)
        if candidate.saves(cost) and _in(cost, of) < levels[-1].cost:
            levels.append(Level(ranks, _in(cost, of), measure.error(copy, found.product)))
    return levels


def _in(cost: Cost, unit: str) -> int:
    return cost.macs if unit == MACS else cost.parameters


def _cheapest(ladders: list[list[Level]], at: list[int]) -> int | None:
    """Whose next level adds the least error for what it saves."""
    steps = {
        index: (ladder[place + 1].error - ladder[place].error)
        / (ladder[place].cost - ladder[place + 1].cost)
        for index, (ladder, place) in enumerate(zip(ladders, at, strict=True))
        if place + 1 < len(ladder)
    }
    return min(steps, key=lambda index: steps[index]) if steps else None


class _Measure:
    """How far the outputs go from what they were, with other weights in one layer."""

    def __init__(self, model: Any, data: Any):
        self._model = model
        self._inputs = keras.tree.map_structure(lambda a: np.asarray(a)[:_SAMPLES], data)
        self._before = self._outputs()

    def _outputs(self) -> list[np.ndarray]:
        outputs = self._model(self._inputs, training=False)
        return [np.asarray(keras.ops.convert_to_numpy(o)) for o in keras.tree.flatten(outputs)]

    def error(self, layer: Any, weights: np.ndarray) -> float:
        """Mean square of the change over the variance, the mean of all outputs."""
        variable = layer.embeddings if hasattr(layer, "embeddings") else layer.kernel
        with exchanged([(variable, weights)]):
            after = self._outputs()
        pairs = zip(self._before, after, strict=True)
        return float(np.mean([((a - b) ** 2).mean() / max(a.var(), 1e-30) for a, b in pairs]))
