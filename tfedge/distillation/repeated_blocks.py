"""Blocks that a model repeats, so that it can do with fewer of them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tfedge.keras_graph.computation import Call, Computation, Value

# Their weights say how values are spread, not what is computed of them; no block begins with them.
_SPREADING = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.PReLU,
    keras.layers.RMSNormalization,
)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)


@dataclass(frozen=True)
class _Segment:
    """Calls between two values through which everything passes.

    Attributes:
        calls: their numbers.
        kinds: what they are, in order.
        shape: of the value that goes in and comes out; None where the two differ.
        depthwise: whether nothing in it mixes channels.
    """

    calls: range
    kinds: tuple[str, ...]
    shape: tuple[Any, ...] | None
    depthwise: bool


def spare_blocks(computation: Computation, depth: float) -> list[range]:
    """Blocks that may be left out, as numbers of calls.

    Blocks are in a row if all of them keep the shape of what they compute with and are built alike.
    Of every row a share stays, at least one block, spread evenly from the first on, as in
    DistilBERT (Sanh et al., 2019).

    Args:
        computation: of a model.
        depth: share of the blocks that stays, in (0, 1]; rounded up.
    """
    spare: list[range] = []
    segments = _merged(_segments(computation))
    for shape, row in itertools.groupby(segments, lambda segment: segment.shape):
        if shape is not None:
            spare += _spare(list(row), depth)
    return spare


def _spare(row: list[_Segment], depth: float) -> list[range]:
    size = _period([segment.kinds for segment in row])
    blocks = [
        range(row[first].calls.start, row[first + size - 1].calls.stop)
        for first in range(0, len(row), size)
    ]
    stays = math.ceil(depth * len(blocks))
    kept = set(np.linspace(0, len(blocks) - 1, stays).round().astype(int).tolist())
    return [block for index, block in enumerate(blocks) if index not in kept]


def _period(kinds: list[tuple[str, ...]]) -> int:
    """After how many segments a row repeats itself; 1 where it does not."""
    for size in range(1, len(kinds) // 2 + 1):
        if len(kinds) % size == 0 and kinds == kinds[:size] * (len(kinds) // size):
            return size
    return 1


def _segments(computation: Computation) -> list[_Segment]:
    cuts = [(0, computation.inputs[0]), *_cuts(computation)]
    cuts = [cut for cut in cuts if _begins(computation, *cut)]
    ends = [*cuts[1:], (len(computation.calls), computation.outputs[0])]
    return [
        _segment(computation, range(start, stop), before, after)
        for (start, before), (stop, after) in zip(cuts, ends, strict=True)
    ]


def _segment(computation: Computation, numbers: range, before: Value, after: Value) -> _Segment:
    calls = [computation.calls[number] for number in numbers]
    same = before.spec.shape == after.spec.shape and before.spec.dtype == after.spec.dtype
    weighted = [call.operation for call in calls if _computes(call)]
    return _Segment(
        numbers,
        tuple(str(type(call.operation)) for call in calls),
        tuple(before.spec.shape) if same else None,
        bool(weighted) and all(isinstance(layer, _DEPTHWISE) for layer in weighted),
    )


def _merged(segments: list[_Segment]) -> list[_Segment]:
    """Depthwise convolutions are one block with what mixes their channels."""
    merged: list[_Segment] = []
    for segment in segments:
        if merged and merged[-1].depthwise:
            first = merged.pop()
            shape = segment.shape if first.shape == segment.shape else None
            calls = range(first.calls.start, segment.calls.stop)
            segment = _Segment(calls, first.kinds + segment.kinds, shape, segment.depthwise)
        merged.append(segment)
    return merged


def _cuts(computation: Computation) -> list[tuple[int, Value]]:
    """Values through which everything passes, each with the number of the call behind it."""
    last_use: dict[int, int] = {}
    for number, call in enumerate(computation.calls):
        last_use.update((id(operand), number) for operand in call.operands)
    last_use.update((id(value), len(computation.calls)) for value in computation.outputs)
    cuts, live = [], {id(value): value for value in computation.inputs}
    for number, call in enumerate(computation.calls, start=1):
        live.update((id(value), value) for value in call.results)
        live = {key: value for key, value in live.items() if last_use.get(key, -1) >= number}
        if len(live) == 1 and number < len(computation.calls):
            cuts.append((number, next(iter(live.values()))))
    return cuts


def _begins(computation: Computation, number: int, value: Value) -> bool:
    """Whether a block begins with the call; activations and the like belong to what is before."""
    users = [call for call in computation.calls[number:] if value in call.operands]
    call = computation.calls[number]
    same = [result.spec.shape for result in call.results] == [value.spec.shape]
    return len(users) > 1 or _computes(call) or not same


def _computes(call: Call) -> bool:
    weights = getattr(call.operation, "trainable_weights", [])
    return bool(weights) and not isinstance(call.operation, _SPREADING)
