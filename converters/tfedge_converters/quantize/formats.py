"""The integers that a scheme puts activations and weights on, as types of a file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tfedge.quantization.policy import INT4, INT8, INT16, INT16X8, OperatorPolicy
from tfedge.quantization.schemes import Scheme, WeightScheme
from tfedge_converters.graph import Operator, TensorType, WeightGrid


@dataclass(frozen=True)
class Format:
    """Activations of one width, and what goes with them.

    Attributes:
        element: their key in the policy's tables by element type.
        scheme: their key, with weights of 8 bits, in the policy's tables by scheme.
        type: their type.
        low, high: the integers of a range's ends.
        symmetric: whether the zero point is 0.
        bias: the type of biases, which is that of the kernels' accumulator.
    """

    element: str
    scheme: str
    type: TensorType
    low: int
    high: int
    symmetric: bool
    bias: TensorType


_FORMATS = {
    8: Format(INT8, INT8, TensorType.INT8, -128, 127, False, TensorType.INT32),
    16: Format(INT16, INT16X8, TensorType.INT16, -32767, 32767, True, TensorType.INT64),
}

_PACKED_BITS = 4
_WHOLE_BITS = 8


def format_of(scheme: Scheme) -> Format:
    """The format of a scheme's activations."""
    return _FORMATS[scheme.activations.bits]


@dataclass(frozen=True)
class WeightFormat:
    """The weights of one operator.

    Attributes:
        limit: the largest integer.
        type: what they are stored as.
        version: the key of the operator's version in the policy's tables by scheme.
        per_channel: whether a dense layer has a scale for every channel.
    """

    limit: int
    type: TensorType
    version: str
    per_channel: bool


def weight_format(
    scheme: Scheme, operator: Operator, policy: OperatorPolicy, trained: WeightGrid | None
) -> WeightFormat:
    """How an operator's weights are stored.

    Four bits are packed where a kernel reads them so. Where training has not chosen them, four bits
    that would fill a byte anyway are eight.

    Args:
        scheme: its overrides are looked up by the layers that the operator's result is named for.
        operator: the one.
        policy: its row.
        trained: what training chose, which overrules the scheme.
    """
    form, weights = format_of(scheme), _weights_of(scheme, operator)
    bits = weights.bits if trained is None else trained.bits
    packs = form.scheme == INT8 and INT4 in policy.versions
    if bits == _PACKED_BITS and packs:
        return WeightFormat(
            WeightScheme(bits).limit, TensorType.INT4, INT4, weights.per_channel_dense
        )
    if bits == _PACKED_BITS and trained is None:
        bits = _WHOLE_BITS
    return WeightFormat(
        WeightScheme(bits).limit, TensorType.INT8, form.scheme, weights.per_channel_dense
    )


def _weights_of(scheme: Scheme, operator: Operator) -> WeightScheme:
    layers = re.split("[/;]", operator.outputs[0].name)
    named = [layer for layer in layers if layer in scheme.overrides]
    return scheme.weights_of(named[0]) if named else scheme.weights
