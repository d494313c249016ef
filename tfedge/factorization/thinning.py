"""`factorize`: a plain model of thinner layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tfedge.equivalence import require_same_outputs
from tfedge.errors import TfedgeError
from tfedge.factorization import ranks as rank_rules
from tfedge.factorization.factors import AUTO, Candidate, Layers, candidates, cost_of
from tfedge.factorization.methods import Part, Ranks
from tfedge.factorization.ranks import Fixed, RankRule
from tfedge.factorization.sensitivity import ranks_for, rounded
from tfedge.keras_graph.computation import computation_of
from tfedge.plain_models import copy_of, rebuild, require_plain
from tfedge.pruning import comparison
from tfedge.pruning.budget import MACS, Budget


def factorize(
    model: Any,
    rank: int | str | RankRule | Budget | Mapping[str, int | str | RankRule] = "vbmf",
    *,
    layers: Layers = None,
    method: Any = AUTO,
    calibration: Any = None,
    multiple_of: int = 4,
    check: bool = True,
) -> Any:
    """A plain Keras model with thin layers in the places of wide ones.

    A layer is replaced only where its factors have fewer weights and compute less. The last of
    them has its name, its bias and its activation. Train the result for some epochs, and see what
    it won with `tfedge.pruning.compare`.

    Args:
        model: a built Keras 3 model; it stays as it is. Nested models in it are taken apart.
        rank: a number; "90% energy", the share of the squares of singular values that stays;
            "vbmf", what stands out of noise; "50% macs" or "50% parameters" of the whole model,
            shared out among layers by what it does to the outputs on `calibration`; an object of
            these kinds; or a dict of ranks by the names of layers.
        layers: names, or a function that says of a layer whether it may be factorised; None for
            all. With a dict of ranks, those in it.
        method: "svd" for Dense, Embedding and convolutions of one position; "tucker" (two
            channel axes, by HOOI), "cp" (a depthwise convolution between two of one position) or
            "tensor_train" (a convolution along each axis) for the others; "auto" for svd and
            tucker; or a function from layers to these names. With "cp" a rule gives the larger
            of the ranks of inputs and outputs.
        calibration: inputs, for a budget.
        multiple_of: ranks by a rule or a budget are rounded up to a multiple of this.
        check: whether what is built anew proves, before any layer is factorised, that it computes
            what the model does.

    Returns:
        A functional model, not compiled.

    Raises:
        TfedgeError: the model is not a plain Keras 3 model, an argument is wrong, or a budget
            cannot be met; the message then says how small the model can get.
        DifferenceError: what is built anew would compute something else than the model.

    Example:
        >>> thin = tfedge.factorization.factorize(model, "90% energy")
    """
    require_plain(model)
    if multiple_of < 1:
        raise TfedgeError("multiple_of is 1 or more")
    rule = rank_rules.get(rank)
    if isinstance(rule, Mapping) and layers is None:
        layers = list(rule)
    # A copy: whatever is measured on the way leaves the caller's model alone.
    copy, copies = rebuild(model, lambda layer, name: [copy_of(layer, name)])
    for source, made in _pairs(model, copies):
        made.set_weights(source.get_weights())
    if check:
        require_same_outputs("tfedge.factorization.factorize", model, copy)
    found = candidates(computation_of(model), layers, method)
    if isinstance(rule, Budget):
        now = comparison.cost_of(model).total
        amount = now.macs if rule.of == MACS else now.parameters
        own = {layer: made[0] for layer, made in copies.items()}
        chosen = ranks_for(rule, amount, found, copy, own, calibration, multiple_of)
    else:
        chosen = {id(c.layer): _ranks(c, rule, multiple_of) for c in found}
    replaced = {id(c.layer): _parts(c, chosen.get(id(c.layer))) for c in found}
    return _with_parts(model, {layer: parts for layer, parts in replaced.items() if parts})


def _pairs(model: Any, made: dict[int, list[Any]]) -> list[tuple[Any, Any]]:
    layers = {id(call.operation): call.operation for call in computation_of(model).calls}
    return [
        (layer, made[key][0])
        for key, layer in layers.items()
        if isinstance(layer, keras.layers.Layer)
    ]


def _ranks(candidate: Candidate, rule: RankRule | Mapping[str, RankRule], multiple: int) -> Ranks:
    own = rule[candidate.layer.name] if isinstance(rule, Mapping) else rule
    ranks = candidate.method.choose(candidate.layer, own)
    if isinstance(own, Fixed):
        return ranks
    return rounded(ranks, candidate.method.full(candidate.layer), multiple)


def _parts(candidate: Candidate, ranks: Ranks | None) -> list[Part] | None:
    """The factors of a layer, if they save something."""
    parts = None if ranks is None else candidate.parts(ranks)
    return parts if parts and candidate.saves(cost_of(parts)) else None


def _with_parts(model: Any, replaced: dict[int, list[Part]]) -> Any:
    def make(layer: Any, name: str) -> list[Any]:
        if id(layer) not in replaced:
            return [copy_of(layer, name)]
        return _layers_of(replaced[id(layer)], name)

    thin, made = rebuild(model, make)
    layers = {id(call.operation): call.operation for call in computation_of(model).calls}
    for key, layer in layers.items():
        if key in replaced:
            _fill(layer, made[key], replaced[key])
        elif isinstance(layer, keras.layers.Layer):
            made[key][0].set_weights(layer.get_weights())
    return thin


def _layers_of(parts: list[Part], name: str) -> list[Any]:
    names = [*(f"{name}_factor_{index}" for index in range(1, len(parts))), name]
    return [
        getattr(keras.layers, part.kind).from_config({**part.settings, "name": own})
        for part, own in zip(parts, names, strict=True)
    ]


def _fill(layer: Any, made: list[Any], parts: list[Part]) -> None:
    for fresh, part in zip(made, parts, strict=True):
        fresh.weights[0].assign(np.asarray(part.kernel, np.float32))
    if getattr(layer, "bias", None) is not None:
        made[-1].bias.assign(layer.bias.numpy())
