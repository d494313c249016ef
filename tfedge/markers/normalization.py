"""How a layer says that what it computes is one normalisation of rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tfedge.markers.protocol import Flag, Intervals, Marker, Number

# What is computed one after the other; the result itself is no interior.
MEAN, CENTERED, SQUARES, VARIANCE = "mean", "centered", "squares", "variance"
ABOVE_ZERO, FACTOR, NORMALIZED, SCALED = "above_zero", "factor", "normalized", "scaled"
SHIFTED = "shifted"

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class NormalizationMark:
    """Content of the marker; its operands are x, and the scale and the offset where there are any.

    Attributes:
        epsilon: above 0.
        axes: how many of the last dimensions make a row, 1 or more.
        scales, centers: whether there are a scale and an offset.
        ranges: the real values that interiors take, those that are known.
    """

    epsilon: float
    axes: int
    scales: bool
    centers: bool
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)


NormalizationMarker = Marker[NormalizationMark]


def _marker(name: str) -> NormalizationMarker:
    return Marker(
        name,
        NormalizationMark,
        epsilon=Number(
            "epsilon", float, lambda value: 0 < value < math.inf, "epsilon is finite and above 0"
        ),
        axes=Number("axes", int, lambda value: value >= 1, "a row has one dimension or more"),
        scales=Flag("scales", required=True),
        centers=Flag("centers", required=True),
        ranges=Intervals(
            (MEAN, CENTERED, SQUARES, VARIANCE, ABOVE_ZERO, FACTOR, NORMALIZED, SCALED, SHIFTED)
        ),
    )


LAYER_NORM = _marker("tfedge.LayerNormalization")
RMS_NORM = _marker("tfedge.RMSNormalization")
DEVIATION_NORM = _marker("tfedge.DeviationNormalization")

# By the names of their operators.
NORMALIZATIONS: Mapping[str, NormalizationMarker] = {
    marker.name: marker for marker in (LAYER_NORM, RMS_NORM, DEVIATION_NORM)
}


def mark_normalization(
    kind: NormalizationMarker,
    epsilon: float,
    axes: int,
    scales: bool,
    centers: bool,
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> Callable[[Function], Function]:
    """Decorate a function that normalises rows, to be exported as one operator.

    The function takes x, then a scale if `scales`, then an offset if `centers`, both of the shape
    of x's last `axes` dimensions. It returns (x - mean) / sqrt(variance + epsilon) * scale +
    offset, with mean and variance over those dimensions; of RMS normalisation x / sqrt(mean(x * x)
    + epsilon) * scale; of deviation normalisation x / sqrt(variance + epsilon) * scale. Outside an
    export the function runs as it is.

    Args:
        kind: LAYER_NORM, RMS_NORM or DEVIATION_NORM.
        epsilon: above 0.
        axes: how many of the last dimensions make a row, 1 or more.
        scales, centers: whether there are a scale and an offset.
        ranges: the real values that interiors take, by their names here; calibration finds others.
    """
    known = {part: (float(low), float(high)) for part, (low, high) in (ranges or {}).items()}
    return kind.mark(NormalizationMark(float(epsilon), axes, scales, centers, known))


def trailing_axes(axis: int | Sequence[int], rank: int) -> int | None:
    """How many last dimensions the axes of a layer are; None if they are not the last ones."""
    axes = sorted(each % rank for each in ([axis] if isinstance(axis, int) else axis))
    return len(axes) if axes == list(range(rank - len(axes), rank)) else None
