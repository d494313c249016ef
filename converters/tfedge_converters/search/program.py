"""The integer program: one width for each layer, least noise within a budget.

Minimise the sum of noises so that the sums of flash and of bit operations stay within their
budgets. Dynamic programming over the layers keeps, of the sums that the layers so far can have,
those that no other one is as good as in everything: this is exact.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass

from tfedge_converters.search.costs import Choice


@dataclass(frozen=True)
class Point:
    """A choice for every layer.

    Attributes:
        flash: bytes of their weights.
        operations: bit operations.
        noise: the sum of relative noise powers at the output.
        chosen: for every layer, the position among its choices.
    """

    flash: int
    operations: int
    noise: float
    chosen: tuple[int, ...]


def solve(
    choices: Sequence[Sequence[Choice]], flash: int | None, operations: int | None
) -> Point | None:
    """The least noise within the budgets, either of which may be open; None if nothing is.

    Of points with equal noise it is the one with least flash, then least operations.
    """
    points = _points(choices, flash, operations)
    return min(points, key=lambda p: (p.noise, p.flash, p.operations)) if points else None


def frontier(choices: Sequence[Sequence[Choice]]) -> list[Point]:
    """The points for which no other has both less flash and less noise, by flash."""
    return _points(choices, None, None)


def _points(
    choices: Sequence[Sequence[Choice]], flash: int | None, operations: int | None
) -> list[Point]:
    points = [Point(0, 0, 0.0, ())]
    for number, options in enumerate(choices):
        rest = choices[number + 1 :]
        least_flash = sum(min(option.flash for option in other) for other in rest)
        least_operations = sum(min(option.operations for option in other) for other in rest)
        grown = [
            Point(
                point.flash + option.flash,
                point.operations + option.operations,
                point.noise + option.noise,
                (*point.chosen, index),
            )
            for point in points
            for index, option in enumerate(options)
        ]
        points = _undominated(
            [
                point
                for point in grown
                if (flash is None or point.flash + least_flash <= flash)
                and (operations is None or point.operations + least_operations <= operations)
            ],
            operations is not None,
        )
    return points


def _undominated(points: list[Point], with_operations: bool) -> list[Point]:
    """Those that no other is at least as good as in flash, noise and, if they count, operations."""
    if with_operations:
        return _undominated_in_three(points)
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.flash, p.noise)):
        if not kept or point.noise < kept[-1].noise:
            kept.append(point)
    return kept


def _undominated_in_three(points: list[Point]) -> list[Point]:
    """By rising flash; `stairs` holds the operations and noises that nothing is below of so far."""
    kept: list[Point] = []
    stairs: list[tuple[int, float]] = []
    for point in sorted(points, key=lambda p: (p.flash, p.operations, p.noise)):
        place = bisect_right(stairs, (point.operations, float("inf")))
        if place and stairs[place - 1][1] <= point.noise:
            continue
        kept.append(point)
        while place < len(stairs) and stairs[place][1] >= point.noise:
            del stairs[place]
        insort(stairs, (point.operations, point.noise))
    return kept
