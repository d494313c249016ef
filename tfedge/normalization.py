"""How a layer says that what it computes is one normalisation of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from tfedge.markers import marker

LAYER_NORM_MARKER, RMS_NORM_MARKER = "tfedge.LayerNormalization", "tfedge.RMSNormalization"
DEVIATION_NORM_MARKER = "tfedge.DeviationNormalization"
EPSILON, AXES, SCALES, CENTERS = "epsilon", "axes", "scales", "centers"

# What is computed one after the other; the result itself is no interior.
MEAN, CENTERED, SQUARES, VARIANCE = "mean", "centered", "squares", "variance"
ABOVE_ZERO, FACTOR, NORMALIZED, SCALED = "above_zero", "factor", "normalized", "scaled"
SHIFTED = "shifted"

Function = TypeVar("Function", bound=Callable[..., Any])


def mark_normalization(
    name: str,
    epsilon: float,
    axes: int,
    scales: bool,
    centers: bool,
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> Callable[[Function], Function]:
    """Decorates a function that normalises rows, to be exported as one operator.

    The function takes x, then a scale if `scales`, then an offset if `centers`, both of the shape
    of x's last `axes` dimensions. It returns (x - mean) / sqrt(variance + epsilon) * scale +
    offset, with mean and variance over those dimensions; of RMS normalisation x / sqrt(mean(x * x)
    + epsilon) * scale; of deviation normalisation x / sqrt(variance + epsilon) * scale. Outside an
    export the function runs as it is.

    Args:
        name: LAYER_NORM_MARKER, RMS_NORM_MARKER or DEVIATION_NORM_MARKER.
        epsilon: above 0.
        axes: how many of the last dimensions make a row, 1 or more.
        scales, centers: whether there are a scale and an offset.
        ranges: the real values that interiors take, by their names here; calibration finds others.
    """
    attributes: dict[str, Any] = {
        EPSILON: float(epsilon),
        AXES: axes,
        SCALES: int(scales),
        CENTERS: int(centers),
    }
    for part, bounds in (ranges or {}).items():
        attributes.update(zip(range_attributes(part), map(float, bounds), strict=True))
    return marker(name, attributes)


def range_attributes(part: str) -> tuple[str, str]:
    """What the marker calls the ends of an interior's range."""
    return f"{part}_lo", f"{part}_hi"


def trailing_axes(axis: int | Sequence[int], rank: int) -> int | None:
    """How many last dimensions the axes of a layer are; None if they are not the last ones."""
    axes = sorted(each % rank for each in ([axis] if isinstance(axis, int) else axis))
    return len(axes) if axes == list(range(rank - len(axes), rank)) else None
