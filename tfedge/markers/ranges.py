"""How a layer says which real values a tensor takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from tfedge.markers.protocol import Interval, Marker, Number
from tfedge.quantization.activation_types import ACTIVATION_TYPES

Tensor = TypeVar("Tensor")


@dataclass(frozen=True)
class RangeMark:
    """Content of the marker: the range and grid of the tensor that is its operand.

    Attributes:
        ends: the real values that it takes, finite, the lower one first.
        bits: width of the integers that hold it, 8 or 16; None for the scheme's.
    """

    ends: tuple[float, float]
    bits: int | None = None


RANGE = Marker(
    "tfedge.Range",
    RangeMark,
    ends=Interval(required=True),
    bits=Number(
        "bits",
        int,
        ACTIVATION_TYPES.__contains__,
        "activations have 8 or 16 bits",
        required=False,
    ),
)


def mark_range(x: Tensor, low: Any, high: Any, bits: int | None = None) -> Tensor:
    """Say that `x` takes real values in [low, high].

    The identity, except while a model is exported: then the converter learns the range and
    quantises the tensor with it. A layer calls this in its `call`. If a tensor is marked more
    than once in a row, the mark that runs last counts. Nothing is folded across a mark: a marked
    kernel keeps the batch-norm behind it, and the transpose to TFLite's layout, as operators.

    Args:
        x: a float tensor of any shape.
        low, high: finite numbers with low <= high, or scalar variables that hold them when
            the model is exported.
        bits: width of the integers that hold `x`, 8 or 16, where it shall not be the scheme's.

    Returns:
        A tensor with the values of `x`. What is computed from it sees the range, so use it
        in place of `x`.
    """

    def identity(tensor: Tensor) -> Tensor:
        return tensor

    return RANGE.mark(RangeMark((low, high), bits))(identity)(x)
