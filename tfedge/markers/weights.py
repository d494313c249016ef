"""How a layer says on which integers training put its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from tfedge.markers.protocol import Marker, Number
from tfedge.markers.weight_bits import weight_bits

Tensor = TypeVar("Tensor")


@dataclass(frozen=True)
class WeightsMark:
    """Content of the marker: the grid of the weights that made its first operand.

    Their scales are its second operand, float32: one for every output channel, or one for all.

    Attributes:
        bits: width of the integers, 2 to 8.
        values: how many different values the weights share; None if they share none.
        number: of the operator, where its weights are real ones that recovery is still to put on
            the grid; None in what is converted.
    """

    bits: int
    values: int | None = None
    number: int | None = None


WEIGHTS = Marker(
    "tfedge.Weights",
    WeightsMark,
    bits=weight_bits("bits", required=True),
    values=Number(
        "values", int, lambda value: value >= 1, "weights share one value or more", required=False
    ),
    number=Number(
        "number", int, lambda value: value >= 0, "operators have numbers from 0 on", required=False
    ),
)


def mark_weights(
    y: Tensor, scales: Any, bits: Any, values: int | None = None, number: int | None = None
) -> Tensor:
    """Say that the weights that made `y` are multiples of `scales`.

    The identity, except while a model is exported: then the converter writes the weights of the
    convolution or dense layer that made `y` as round(w / scale), within ±(2**(bits - 1) - 1), and
    exactly these scales beside them. It divides in float32 and rounds ties to even, as
    `keras.ops.round(w / scale)` does. w is what arrives in the exported file: a kernel without
    operations on it, times the factors of a batch-norm that was folded into it; these belong
    into the scales too.

    Mark what the layer returns, its activation included: nothing fuses across a mark. Between
    the weights and the mark may stand whatever works value by value, or only moves values.

    Args:
        y: a float tensor: what the layer returns.
        scales: float32 vector: a positive step for every output channel, or one for all. A
            depthwise convolution's channels are ordered as its outputs are.
        bits: 2 to 8, or a scalar variable that holds them when the model is exported.
        values: how many different values the weights share, where they share them: the converter
            says if they became more or fewer integers.
        number: of the operator, for recovery that begins a training: the weights are real ones
            then, which are not on the grid yet.

    Returns:
        A tensor with the values of `y`, to use in its place.
    """

    def identity(tensor: Tensor, _scales: Any) -> Tensor:
        return tensor

    return WEIGHTS.mark(WeightsMark(bits, values, number))(identity)(y, scales)
