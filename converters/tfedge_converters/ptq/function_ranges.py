"""The numbers that a function of one activation may give, and whether all of them are finite.

Interval arithmetic over the function's operators: what is not known of an operator is that it may
give anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from tfedge_converters.graph import Operator, Tensor

Interval = tuple[float, float]

# Of float32.
_LARGEST_EXPONENT = 88.0
_ANYTHING: Interval = (-math.inf, math.inf)
_WORD_STEPS = 2.0**31 - 2.0**16


def may_leave_numbers(source: Tensor, steps: tuple[Operator, ...]) -> bool:
    """Tell whether a result of a function may be infinite, or no number.

    Args:
        source: what it is a function of, on its grid or of integers.
        steps: the function's operators, in order.
    """
    return any(
        step.code in _POLES and _POLES[step.code](operands)
        for step, operands, _ in _followed(source, steps)
    )


def may_leave_words(source: Tensor, steps: tuple[Operator, ...], result: Tensor) -> bool:
    """Tell whether a function's finite results may be so large that QUANTIZE has no integer for it.

    Reference kernels make an integer of 32 bits of the quotient before they clamp it.

    Args:
        source, steps: as for `may_leave_numbers`.
        result: the function's, on its grid.
    """
    low, high = [_held_by(source), *(made for _, _, made in _followed(source, steps))][-1]
    assert result.quantization is not None
    largest = float(result.quantization.scale[0]) * _WORD_STEPS
    return math.isfinite(low + high) and max(abs(low), abs(high)) >= largest


def _followed(
    source: Tensor, steps: tuple[Operator, ...]
) -> Iterator[tuple[Operator, list[Interval], Interval]]:
    """Every step with the intervals of its operands and of its result."""
    known: dict[int, Interval] = {id(source): _held_by(source)}
    for step in steps:
        operands = [_interval(tensor, known) for tensor in step.inputs]
        follow = _RESULTS.get(step.code)
        result = _ANYTHING if follow is None else follow(operands)
        known[id(step.outputs[0])] = result
        yield step, operands, result


def _held_by(source: Tensor) -> Interval:
    """Give the interval of what the integers of a tensor stand for."""
    dtype = source.type.dtype
    if dtype is None or dtype.kind not in "iu":
        return _ANYTHING
    if source.quantization is None:
        limits = np.iinfo(dtype)
        return float(limits.min), float(limits.max)
    return source.quantization.numbers_of(source.type)


def _interval(tensor: Tensor | None, known: Mapping[int, Interval]) -> Interval:
    if tensor is None:
        return _ANYTHING
    if tensor.data is not None and tensor.data.size:
        return float(tensor.data.min()), float(tensor.data.max())
    return known.get(id(tensor), _ANYTHING)


def _divides_by_zero(operands: list[Interval]) -> bool:
    low, high = operands[1]
    return low <= 0 <= high


def _has_no_power(operands: list[Interval]) -> bool:
    bases, exponents = operands
    if bases[0] < 0 or (bases[0] == 0 and exponents[0] < 0):
        return True
    logarithms = [math.log(base) for base in bases if base > 0]
    return any(a * b > _LARGEST_EXPONENT for a in logarithms for b in exponents)


# Of operands' intervals: whether the operator may give what is no finite number.
_POLES: Mapping[str, Callable[[list[Interval]], bool]] = {
    "DIV": _divides_by_zero,
    "EXP": lambda operands: operands[0][1] > _LARGEST_EXPONENT,
    "LOG": lambda operands: operands[0][0] <= 0,
    "POW": _has_no_power,
    "RSQRT": lambda operands: operands[0][0] <= 0,
    "SQRT": lambda operands: operands[0][0] < 0,
}


def _exponential(operands: list[Interval]) -> Interval:
    low, high = (math.exp(min(end, _LARGEST_EXPONENT)) for end in operands[0])
    return low, high


def _magnitude(operands: list[Interval]) -> Interval:
    ends = [abs(end) for end in operands[0]]
    low, high = operands[0]
    return (0.0 if low <= 0 <= high else min(ends)), max(ends)


def _product(operands: list[Interval]) -> Interval:
    ends = [a * b for a in operands[0] for b in operands[1]]
    return _ANYTHING if any(map(math.isnan, ends)) else (min(ends), max(ends))


def _reciprocal_root(operands: list[Interval]) -> Interval:
    low, high = operands[0]
    return (1 / math.sqrt(high), 1 / math.sqrt(low)) if low > 0 else _ANYTHING


# Of operands' intervals: the interval of the result.
_RESULTS: Mapping[str, Callable[[list[Interval]], Interval]] = {
    "ABS": _magnitude,
    "ADD": lambda o: (o[0][0] + o[1][0], o[0][1] + o[1][1]),
    "CAST": lambda o: o[0],
    "EXP": _exponential,
    "LOGISTIC": lambda o: (0.0, 1.0),
    "MAXIMUM": lambda o: (max(o[0][0], o[1][0]), max(o[0][1], o[1][1])),
    "MINIMUM": lambda o: (min(o[0][0], o[1][0]), min(o[0][1], o[1][1])),
    "MUL": _product,
    "RELU": lambda o: (max(o[0][0], 0.0), max(o[0][1], 0.0)),
    "RSQRT": _reciprocal_root,
    "SQUARE": lambda o: _product([_magnitude(o), _magnitude(o)]),
    "SUB": lambda o: (o[0][0] - o[1][1], o[0][1] - o[1][0]),
    "TANH": lambda o: (-1.0, 1.0),
}
