"""The layers of a model that can be factorised, and what factors of some ranks cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfedge.errors import TfedgeError
from tfedge.factorization.methods import METHODS, Method, Part, Ranks
from tfedge.keras_graph.computation import Call, Computation
from tfedge.near_names import near
from tfedge.pruning.tracing import positions

AUTO = "auto"
_AUTO = ("svd", "tucker")

Layers = Iterable[str] | Callable[[Any], bool] | None


@dataclass(frozen=True)
class Cost:
    """MACs and parameters of weights without biases."""

    macs: int
    parameters: int


@dataclass(eq=False)
class Factorized:
    """Layers that take the place of a factorised one.

    Attributes:
        parts: the layers that take its place.
        product: the kernel with which the layer would compute what they do.
        magnitudes: what the factors multiply to without their signs.
    """

    parts: list[Part]
    product: np.ndarray
    magnitudes: np.ndarray

    @property
    def cancellation(self) -> float:
        """How much larger the terms of the product are than their sum, 1 if none cancel."""
        total = float(np.linalg.norm(self.product))
        return float(np.linalg.norm(self.magnitudes)) / total if total > 0 else 1.0


@dataclass(eq=False)
class Candidate:
    """A layer that a method applies to.

    Attributes:
        layer: of the model.
        calls: of it.
        method: to factorise it with.
    """

    layer: Any
    calls: list[Call]
    method: Method

    @property
    def cost(self) -> Cost:
        """Cost of the layer as it is; looking up an embedding multiplies nothing."""
        size = math.prod(self.kernel.shape)
        uses = (
            0
            if hasattr(self.layer, "embeddings")
            else sum(positions(call.results[0]) for call in self.calls)
        )
        return Cost(size * uses, size)

    @property
    def kernel(self) -> Any:
        """The variable that is factorised."""
        return self.layer.embeddings if hasattr(self.layer, "embeddings") else self.layer.kernel

    def factorized(self, ranks: Ranks) -> Factorized:
        """Return the layers that take its place."""
        factors = self.method.factors(self.layer, ranks)
        return Factorized(
            self.method.parts(self.layer, self.calls, factors),
            self.method.product(self.layer, factors).reshape(self.kernel.shape),
            self.method.product(self.layer, [np.abs(factor) for factor in factors]),
        )

    def saves(self, cost: Cost) -> bool:
        """Whether factors are fewer than the weights and compute less.

        The factors of a table of embeddings compute more, for it computes nothing.
        """
        own = self.cost
        return cost.parameters < own.parameters and (cost.macs < own.macs or not own.macs)


def cost_of(parts: list[Part]) -> Cost:
    """Add up the costs of layers."""
    return Cost(
        sum(part.kernel.size * part.uses for part in parts), sum(part.kernel.size for part in parts)
    )


def candidates(computation: Computation, layers: Layers, method: Any) -> list[Candidate]:
    """The layers to factorise, in the order of their calls.

    Args:
        computation: the model.
        layers: names of layers, a function that says of a layer whether it is one, or None for all.
        method: a name, "auto", or a function from layers to names.

    Raises:
        TfedgeError: a layer or method does not exist, or a named layer cannot be factorised.
    """
    calls: dict[int, list[Call]] = {}
    for call in computation.calls:
        calls.setdefault(id(call.operation), []).append(call)
    known = [group[0].operation for group in calls.values()]
    wanted = _wanted(known, layers)
    found = []
    for layer in known:
        if not wanted(layer):
            continue
        chosen = _method(layer, method)
        if chosen is not None:
            found.append(Candidate(layer, calls[id(layer)], chosen))
        elif layers is not None and not callable(layers):
            raise TfedgeError(
                f"layer '{layer.name}' ({type(layer).__name__}) cannot be factorised by "
                f"method={method!r}; leave it out of `layers`"
            )
    return found


def _wanted(known: list[Any], layers: Layers) -> Callable[[Any], bool]:
    if layers is None:
        return lambda layer: True
    if callable(layers):
        return layers
    names = [layers] if isinstance(layers, str) else list(layers)
    existing = [layer.name for layer in known]
    for name in names:
        if name not in existing:
            raise TfedgeError(f"the model has no layer '{name}'{near(name, existing)}")
    return lambda layer: layer.name in names


def _method(layer: Any, method: Any) -> Method | None:
    name = method(layer) if callable(method) else method
    names = _AUTO if name == AUTO else (name,)
    for each in names:
        if each not in METHODS:
            raise TfedgeError(
                f"method is 'auto' or one of {', '.join(METHODS)}, not {each!r}"
                f"{near(each, METHODS)}"
            )
    return next((METHODS[each] for each in names if METHODS[each].applies(layer)), None)
