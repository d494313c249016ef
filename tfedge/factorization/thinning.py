"""`factorize`: a plain model of thinner layers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tfedge.equivalence import exchanged, require_same_outputs, telling_weights
from tfedge.errors import DifferenceError, TfedgeError
from tfedge.factorization import ranks as rank_rules
from tfedge.factorization.factors import (
    AUTO,
    Candidate,
    Factorized,
    Layers,
    candidates,
    cost_of,
)
from tfedge.factorization.methods import Part, Ranks
from tfedge.factorization.ranks import Fixed, RankRule
from tfedge.factorization.sensitivity import ranks_for, rounded
from tfedge.keras_graph.computation import computation_of
from tfedge.plain_models import copy_of, rebuild, require_plain
from tfedge.pruning import comparison
from tfedge.pruning.budget import MACS, Budget

# Terms of factors that are so many times larger than their sum round as any product of matrices.
_USUAL_CANCELLATION = 100.0
_ORTHOGONAL = 1e-4
_WHAT = "tfedge.factorization.factorize"


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
        check: whether the result is compared first, on random inputs, with the model whose kernels
            are the products of the factors.

    Returns:
        A functional model, not compiled.

    Raises:
        TfedgeError: the model is not a plain Keras 3 model, an argument is wrong, or a budget
            cannot be met; the message then says how small the model can get.
        DifferenceError: the factors would compute something else than their products.

    Example:
        >>> thin = tfedge.factorization.factorize(model, "90% energy")
    """
    require_plain(model)
    if multiple_of < 1:
        raise TfedgeError("multiple_of is 1 or more")
    rule = rank_rules.get(rank)
    if isinstance(rule, Mapping) and layers is None:
        layers = list(rule)
    found = candidates(computation_of(model), layers, method)
    if isinstance(rule, Budget):
        chosen = _ranks_in_budget(model, rule, found, calibration, multiple_of)
    else:
        chosen = {id(c.layer): _ranks(c, rule, multiple_of) for c in found}
    replaced = {id(c.layer): _factorized(c, chosen.get(id(c.layer))) for c in found}
    return _with_parts(model, found, {key: made for key, made in replaced.items() if made}, check)


def _ranks_in_budget(
    model: Any, budget: Budget, found: list[Candidate], calibration: Any, multiple_of: int
) -> dict[int, Ranks]:
    now = comparison.cost_of(model)
    if budget.of == MACS and now.uncounted:
        names = ", ".join(f"'{name}'" for name in now.uncounted)
        warnings.warn(f"nobody knows the MACs of {names}: they count as 0", stacklevel=3)
    amount = now.total.macs if budget.of == MACS else now.total.parameters
    # A copy: whatever is measured on the way leaves the caller's model alone.
    copy, made = rebuild(model, lambda layer, name: [copy_of(layer, name)])
    copies = {key: layers[0] for key, layers in made.items()}
    for layer in _layers(model):
        copies[id(layer)].set_weights(layer.get_weights())
    return ranks_for(budget, amount, found, copy, copies, calibration, multiple_of)


def _layers(model: Any) -> list[Any]:
    """Every layer that a model calls, once."""
    called = {id(call.operation): call.operation for call in computation_of(model).calls}
    return [layer for layer in called.values() if isinstance(layer, keras.layers.Layer)]


def _ranks(candidate: Candidate, rule: RankRule | Mapping[str, RankRule], multiple: int) -> Ranks:
    own = rule[candidate.layer.name] if isinstance(rule, Mapping) else rule
    ranks = candidate.method.choose(candidate.layer, own)
    if isinstance(own, Fixed):
        return ranks
    return rounded(ranks, candidate.method.full(candidate.layer), multiple)


def _factorized(candidate: Candidate, ranks: Ranks | None) -> Factorized | None:
    """Factorise a layer; None if that saves nothing."""
    made = None if ranks is None else candidate.factorized(ranks)
    return made if made and candidate.saves(cost_of(made.parts)) else None


def _with_parts(
    model: Any, found: list[Candidate], replaced: dict[int, Factorized], check: bool = True
) -> Any:
    """The model with parts in the places of layers, by the identities of these."""

    def make(layer: Any, name: str) -> list[Any]:
        if id(layer) not in replaced:
            return [copy_of(layer, name)]
        return _layers_of(replaced[id(layer)].parts, name)

    thin, made = rebuild(model, make)
    for key, one in replaced.items():
        for fresh, part in zip(made[key], one.parts, strict=True):
            fresh.weights[0].assign(np.asarray(part.kernel, np.float32))
    if check:
        _require_products(model, found, replaced, thin, made)
    _copy_others(model, replaced, made)
    return thin


def _require_products(
    model: Any,
    found: list[Candidate],
    replaced: dict[int, Factorized],
    thin: Any,
    made: dict[int, list[Any]],
) -> None:
    """Compare a model of parts with the model whose kernels are the products of their factors."""
    products = [(c.kernel, replaced[id(c.layer)].product) for c in found if id(c.layer) in replaced]
    for kernel, product in products:
        _require_nearest(kernel, product)
    kernels = {id(kernel) for kernel, _ in products}
    cancellation = max((one.cancellation for one in replaced.values()), default=1.0)
    with exchanged(products), telling_weights(model, kernels):
        _copy_others(model, replaced, made)
        rounding = max(1.0, cancellation / _USUAL_CANCELLATION)
        require_same_outputs(_WHAT, model, thin, rounding)


def _require_nearest(kernel: Any, product: np.ndarray) -> None:
    """Refuse factors that are not those of a kernel.

    Whatever method found them, the last step of it was a least-squares fit, so that what is left of
    the kernel is orthogonal to the product.
    """
    whole = np.asarray(keras.ops.convert_to_numpy(kernel), np.float64)
    if abs(float(((whole - product) * product).sum())) > _ORTHOGONAL * float((whole**2).sum()):
        raise DifferenceError(
            f"{_WHAT} found factors of {kernel.path} that are not those of its numbers. This is a "
            "fault of tfedge, please report the layer; check=False goes on all the same"
        )


def _copy_others(model: Any, replaced: dict[int, Factorized], made: dict[int, list[Any]]) -> None:
    """Copy all weights of a model but the kernels of what is replaced."""
    for layer in _layers(model):
        fresh = made[id(layer)][-1]
        if id(layer) not in replaced:
            fresh.set_weights(layer.get_weights())
        elif getattr(layer, "bias", None) is not None:
            fresh.bias.assign(layer.bias.numpy())


def _layers_of(parts: list[Part], name: str) -> list[Any]:
    names = [*(f"{name}_factor_{index}" for index in range(1, len(parts))), name]
    return [
        getattr(keras.layers, part.kind).from_config({**part.settings, "name": own})
        for part, own in zip(parts, names, strict=True)
    ]
