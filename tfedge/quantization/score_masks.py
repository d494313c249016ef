"""Masks that a model's own code puts on the scores of a softmax, or on what is maximised.

`scores + (1 - mask) * -1e9` and `where(mask, scores, -1e9)` write a number far below all scores
where the mask leaves something out. A grid that held this number would have no steps left for the
scores. So whatever only a softmax or maximum reads is quantised as `softmax.MaskedScores`: which
scores stay is found as the model says, and what the others become does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfedge.keras_graph.computation import Call, Computation, Constant, Value
from tfedge.keras_graph.kinds import kind_of
from tfedge.keras_graph.random_inputs import random_inputs
from tfedge.quantization.operator_factory import Function, OperatorFactory
from tfedge.quantization.softmax import MaskedScores

# What stands for minus infinity is at least so far below 0; no softmax has scores that large.
_SENTINEL = 1000.0

# What only the largest numbers matter to.
_READERS = ("GlobalMaxPooling1D", "GlobalMaxPooling2D", "Max", "Softmax")

# Of a call's operands: a mask that is true where scores stay.
Mask = Callable[[list[Any]], Any]


@dataclass(frozen=True)
class Masking:
    """A call that masks scores.

    Attributes:
        scores: which of its operands they are.
        mask: which of them stay, of its operands.
        axes: along which softmax sums up its result; None if a maximum reads it.
    """

    scores: int
    mask: Mask
    axes: list[int] | None

    def build(self, make: OperatorFactory) -> Function:
        """The call as an operator, see `Row.build`."""
        name = make.name_of("masked")
        operator = MaskedScores(
            make.quantizer("masked"), self.axes, self.mask, self.scores, make.real, name=name
        )
        return make.add(operator)


def maskings_of(computation: Computation) -> dict[int, Masking]:
    """The calls of a model that mask scores, by identity."""
    return _Search(computation).run()


class _Search:
    """Search for masks behind every softmax, from the end of a model on."""

    def __init__(self, computation: Computation):
        self._computation = computation
        self._makers = {id(value): call for call in computation.calls for value in call.results}
        self._readers: dict[int, list[Call]] = {}
        for call in computation.calls:
            for value in call.operands:
                self._readers.setdefault(id(value), []).append(call)
        self._outputs = {id(value) for value in computation.outputs}
        self._found: dict[int, Masking] = {}

    def run(self) -> dict[int, Masking]:
        for call in reversed(self._computation.calls):
            find = _MASKINGS.get(kind_of(call.operation) or "")
            if find is None or not self._is_read_as_scores(call):
                continue
            axes = self._axes_of(self._readers[id(call.results[0])][0])
            items = keras.tree.flatten(list(call.arguments.values()))
            found = find(self, items)
            if found is not None:
                scores, mask = found
                at = [item for item in items if isinstance(item, Value)].index(items[scores])
                self._found[id(call)] = Masking(at, mask, axes)
        return self._found

    def _is_read_as_scores(self, call: Call) -> bool:
        """Whether nothing but softmax along the same axes, or maxima, read a call's result."""
        (result, *others) = call.results
        readers = self._readers.get(id(result), [])
        if others or not readers or id(result) in self._outputs:
            return False
        known = [id(reader) in self._found or _reads_scores(reader) for reader in readers]
        if not all(known):
            return False
        found = [self._axes_of(reader) for reader in readers]
        return all(axes == found[0] for axes in found)

    def _axes_of(self, reader: Call) -> list[int] | None:
        if id(reader) in self._found:
            return self._found[id(reader)].axes
        if kind_of(reader.operation) != "Softmax":
            return None
        axis = reader.operation.axis
        given = axis if isinstance(axis, (tuple, list)) else [axis]
        return sorted(one % len(reader.shape) for one in given)

    def added(self, items: list[Any], sign: float = 1.0) -> tuple[int, Mask] | None:
        """Match a sum, or with a `sign` of -1 a difference: scores, and 0 or a sentinel."""
        if len(items) != 2:
            return None
        pairs = ((0, 1), (1, 0)) if sign > 0 else ((0, 1),)
        for scores, term in pairs:
            known = self._known(items[term]) if isinstance(items[scores], Value) else []
            least = min((_least_sentinel(sign * array) for array in known), default=0.0)
            if least < 0:
                return scores, _mask_of_sum(items, term, sign, least / 2)
        return None

    def chosen(self, items: list[Any]) -> tuple[int, Mask] | None:
        """Match a choice between scores and a sentinel by a condition."""
        if len(items) != 3 or isinstance(items[0], Constant):
            return None
        for scores, sentinel in ((1, 2), (2, 1)):
            if isinstance(items[scores], Value) and self._is_sentinel(items[sentinel]):
                return scores, _mask_of_choice(items, scores == 1)
        return None

    def _is_sentinel(self, item: Any) -> bool:
        """Whether every value lies far below all scores."""
        maker = self._makers.get(id(item))
        if maker is None:
            known = _number(item)
            return known is not None and bool((known <= -_SENTINEL).all())
        items = keras.tree.flatten(list(maker.arguments.values()))
        numbers = [known for known in map(_number, items) if known is not None]
        moves = {"Add": 1.0, "Subtract": -1.0}
        sign = moves.get(kind_of(maker.operation) or "")
        return sign is not None and any((sign * array <= -_SENTINEL).all() for array in numbers)

    def _known(self, item: Any) -> list[np.ndarray]:
        """Samples of a term in which no weight has a part; none of others."""
        number = _number(item)
        if number is not None:
            return [number]
        if not isinstance(item, Value) or not self._is_free_of_weights(item):
            return []
        return [self._run(item, known) for known in self._samples]

    @cached_property
    def _samples(self) -> list[dict[int, Any]]:
        """Values known for random inputs, and for masks of float numbers, which are 0 and 1."""
        arrays = random_inputs(self._computation)
        rng = np.random.default_rng(0)
        masks = [
            rng.integers(0, 2, array.shape).astype(array.dtype) if value.is_real else array
            for value, array in zip(self._computation.inputs, arrays, strict=True)
        ]
        return [
            {
                id(value): keras.ops.convert_to_tensor(array)
                for value, array in zip(self._computation.inputs, given, strict=True)
            }
            for given in (arrays, masks)
        ]

    def _is_free_of_weights(self, value: Value) -> bool:
        waiting, seen = [value], {id(value)}
        while waiting:
            maker = self._makers.get(id(waiting.pop()))
            if maker is None:
                continue
            if getattr(maker.operation, "weights", None):
                return False
            waiting += [one for one in maker.operands if id(one) not in seen]
            seen.update(map(id, maker.operands))
        return True

    def _run(self, value: Value, known: dict[int, Any]) -> np.ndarray:
        """A value, computed with all that it needs."""

        def tensor(one: Value) -> Any:
            if id(one) not in known:
                maker = self._makers[id(one)]
                made = maker.run([tensor(operand) for operand in maker.operands], training=False)
                known.update(
                    (id(result), x)
                    for result, x in zip(maker.results, keras.tree.flatten(made), strict=True)
                )
            return known[id(one)]

        return np.asarray(keras.ops.convert_to_numpy(tensor(value)), np.float64)


# Of the arguments of a call: which are the scores, and the mask.
_MASKINGS: dict[str, Callable[[_Search, list[Any]], tuple[int, Mask] | None]] = {
    "Add": _Search.added,
    "Subtract": lambda search, items: search.added(items, -1.0),
    "Where": _Search.chosen,
}


def _reads_scores(reader: Call) -> bool:
    return kind_of(reader.operation) in _READERS and len(reader.operands) == 1


def _number(item: Any) -> np.ndarray | None:
    """A constant as an array; None of what is computed or trained."""
    if isinstance(item, (Value, Constant, keras.Variable)) or item is None:
        return None
    array = np.asarray(item)
    return array.astype(np.float64) if array.dtype.kind in "fiub" else None


def _least_sentinel(array: np.ndarray) -> float:
    """The sentinel next to 0 in what is 0 here and a sentinel there; 0 if it is something else."""
    sentinels, others = array[array <= -_SENTINEL], array[array > -_SENTINEL]
    return float(sentinels.max()) if sentinels.size and others.size and not others.any() else 0.0


def _mask_of_sum(items: list[Any], term: int, sign: float, limit: float) -> Mask:
    """Where a term, taken `sign` times, is above a limit."""
    constant = _number(items[term])
    if constant is not None:
        return lambda operands: tf.constant(sign * constant > limit)
    least = max(limit, float(np.finfo(np.float32).min))

    def mask(operands: list[Any]) -> Any:
        added = _filled(items, operands)[term]
        return added > least if sign > 0 else added < -least

    return mask


def _mask_of_choice(items: list[Any], keeps: bool) -> Mask:
    """The condition, or what it leaves."""

    def mask(operands: list[Any]) -> Any:
        condition = tf.cast(_filled(items, operands)[0], tf.bool)
        return condition if keeps else tf.logical_not(condition)

    return mask


def _filled(items: list[Any], operands: list[Any]) -> list[Any]:
    """Arguments with operands in the places of values."""
    given = iter(operands)
    return [next(given) if isinstance(item, Value) else item for item in items]
