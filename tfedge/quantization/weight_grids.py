"""How a layer says on which integers training put its weights."""

from __future__ import annotations

from typing import Any, TypeVar

from tfedge.markers import marker

WEIGHTS_MARKER = "tfedge.Weights"
BITS, VALUES = "bits", "values"

Tensor = TypeVar("Tensor")


def mark_weights(y: Tensor, scales: Any, bits: Any, values: int | None = None) -> Tensor:
    """Says that the weights that made `y` are multiples of `scales`.

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

    Returns:
        A tensor with the values of `y`, to use in its place.
    """

    def identity(tensor: Tensor, _scales: Any) -> Tensor:
        return tensor

    attributes = {BITS: bits} if values is None else {BITS: bits, VALUES: values}
    return marker(WEIGHTS_MARKER, attributes)(identity)(y, scales)
