"""Inputs that exercise a model: numbers of the right kind, masks that mask, several steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfedge.keras_graph.computation import Computation, Value
from tfedge.keras_graph.kinds import EMBEDDINGS, kind_of

_BATCH = 2
# What an open size becomes, by the rank of the tensor: steps of a sequence, sides of an image.
_OPEN = {2: 16, 3: 9, 4: 64}
# Sides from which on small inputs are smaller, by multiples of what networks divide sides by, so
# that windows at their ends lie as they do in large ones.
_SMALL, _DIVISOR = 96, 32
_MOST = 10
_MASKED_SHARE = 0.3


def random_inputs(computation: Computation, seed: int = 0) -> list[np.ndarray]:
    """Arrays for a model's inputs, in order.

    Real numbers are normal, with some steps that a Masking layer leaves out; integers are below
    the number of rows of the tables that they look up, and some are 0; booleans are mostly true.

    Args:
        computation: the model, taken apart.
        seed: of the numbers.
    """
    return _arrays(computation, [_shape(value) for value in computation.inputs], seed)


def small_inputs(computation: Computation) -> list[np.ndarray] | None:
    """Arrays as `random_inputs` makes them, for images and sequences smaller than the model's.

    Returns:
        The arrays; None where the model's own are not large.
    """
    shapes = [_shape(value) for value in computation.inputs]
    smaller = [tuple(_smaller(shape)) for shape in shapes]
    return None if smaller == shapes else _arrays(computation, smaller, seed=0)


def _arrays(computation: Computation, shapes: list[tuple[int, ...]], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [
        _array(value, shape, computation, rng)
        for value, shape in zip(computation.inputs, shapes, strict=True)
    ]


def _smaller(shape: tuple[int, ...]) -> Iterator[int]:
    """Sizes with smaller sides; an axis at either end is one of samples or features."""
    for axis, size in enumerate(shape):
        is_side = 0 < axis < len(shape) - 1 and size >= _SMALL
        yield _SMALL - _DIVISOR + size % _DIVISOR if is_side else size


def _array(
    value: Value, shape: tuple[int, ...], computation: Computation, rng: np.random.Generator
) -> np.ndarray:
    kind = str(value.spec.dtype)
    if kind == "bool":
        return rng.random(shape) > _MASKED_SHARE
    if "int" in kind:
        drawn = rng.integers(0, _rows(value, computation), shape)
        return np.where(rng.random(shape) < _MASKED_SHARE, 0, drawn).astype(kind)
    numbers = rng.normal(size=shape).astype(np.float32)
    masked = _mask_value(computation)
    if masked is not None and len(shape) > 2:
        numbers[rng.random(shape[:2]) < _MASKED_SHARE] = masked
    return numbers.astype(kind if kind != "bfloat16" else np.float32)


def _shape(value: Value) -> tuple[int, ...]:
    batch, *sizes = value.spec.shape
    usual = _OPEN.get(len(value.spec.shape), 8)
    return (batch or _BATCH, *(usual if size is None else size for size in sizes))


def _rows(value: Value, computation: Computation) -> int:
    """One more than the largest integer that is safe to look up."""
    tables = [
        call.operation.input_dim
        for call in computation.calls
        if kind_of(call.operation) in EMBEDDINGS and value in _behind(call.operands, computation)
    ]
    return min(tables, default=_MOST)


def _behind(values: list[Value], computation: Computation) -> list[Value]:
    """The values, and all that they are computed from."""
    found = list(values)
    for call in reversed(computation.calls):
        if any(result in found for result in call.results):
            found += call.operands
    return found


def _mask_value(computation: Computation) -> float | None:
    masks = (call for call in computation.calls if kind_of(call.operation) == "Masking")
    return next((call.operation.mask_value for call in masks), None)
