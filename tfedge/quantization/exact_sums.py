"""Sums of products of integers, exactly, by kernels for floating-point numbers.

CPUs, and XLA on them, have fast convolutions of float32 only: in float64 one is several times
slower, under XLA hundreds of times. float32 holds every integer up to 2**24, so a sum is exact
where no part of it can leave that. Where it could, factors are split into high and low digits,
sums of which stay small. GPUs get float64 in one piece, for their float32 convolutions may
transform what they multiply (Winograd's algorithm), which is not exact.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

_EXACT_BELOW = 1 << 24
# One part of each factor, or two; those that cost least first.
_SPLITS = ((1, 1), (1, 2), (2, 1), (2, 2))


class _Digits(NamedTuple):
    """How an integer is written: the value of its high digit, 1 for none; and a digit's bound."""

    base: int
    largest: int


def exact_sums(
    apply: Callable[[Any, Any], Any], steps: Any, kernel: Any, largest: tuple[int, int]
) -> Any:
    """The int64 sums of products that `apply` makes of two float tensors.

    Args:
        apply: linear in both tensors, such as a convolution; of one float type.
        steps: float32 integers.
        kernel: float32 integers [..., channels], of whose products over the other axes each sum
            has one at most.
        largest: bounds of their magnitudes.
    """
    count = math.prod(kernel.shape[:-1])
    split = None if _has_accelerator() else _split(count, largest)
    if split is None:
        sums = apply(tf.cast(steps, tf.float64), tf.cast(kernel, tf.float64))
        return tf.cast(tf.round(sums), tf.int64)
    total = None
    for factor, x in _parts(steps, split[0]):
        for other, w in _parts(kernel, split[1]):
            part = tf.cast(apply(x, w), tf.int64)
            part = part if factor * other == 1 else part * (factor * other)
            total = part if total is None else total + part
    return total


def _split(count: int, largest: tuple[int, int]) -> tuple[_Digits, _Digits] | None:
    """The cheapest way to write both factors so that sums of `count` products are exact."""
    for parts in _SPLITS:
        digits = [_digits(bound, number) for bound, number in zip(largest, parts, strict=True)]
        if count * digits[0].largest * digits[1].largest < _EXACT_BELOW:
            return digits[0], digits[1]
    return None


def _digits(bound: int, parts: int) -> _Digits:
    if parts == 1:
        return _Digits(1, bound)
    base = 1 << (bound.bit_length() + 1) // 2
    return _Digits(base, max(base // 2, bound // base + 1))


def _parts(x: Any, digits: _Digits) -> list[tuple[int, Any]]:
    """The value of each digit, and the digits."""
    if digits.base == 1:
        return [(1, x)]
    high = tf.round(x * (1.0 / digits.base))
    return [(digits.base, high), (1, x - high * float(digits.base))]


@functools.cache
def _has_accelerator() -> bool:
    return len(tf.config.list_physical_devices()) > len(tf.config.list_physical_devices("CPU"))
