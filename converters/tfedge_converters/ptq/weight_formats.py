"""How the weights of an operator are stored."""

from __future__ import annotations

from dataclasses import dataclass

from tfedge.quantization.activation_types import ActivationType
from tfedge.quantization.policy import INT4, INT8, OperatorPolicy
from tfedge.quantization.schemes import Scheme, WeightScheme
from tfedge_converters.graph import Operator, TensorType, WeightGrid
from tfedge_converters.ptq.layer_schemes import layer_of

_PACKED_BITS = 4
_WHOLE_BITS = 8


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

    @property
    def bits(self) -> int:
        """Bits of the integers, which are symmetric."""
        return self.limit.bit_length() + 1


def weight_format(
    scheme: Scheme,
    operator: Operator,
    policy: OperatorPolicy,
    trained: WeightGrid | None,
    activation_type: ActivationType,
) -> WeightFormat:
    """How an operator's weights are stored.

    Up to four bits are packed, as four, where a kernel reads them so; kernels of fewer there are
    none. Where training has not chosen them, four bits that would fill a byte anyway are eight.

    Args:
        scheme: its overrides are looked up by the layers that the operator's result is named for.
        operator: the one.
        policy: its row.
        trained: what training chose, which overrules the scheme.
        activation_type: of the activations that the operator computes with.
    """
    weights = layer_of(scheme, operator.outputs[0].name).weights or scheme.weights
    bits = weights.bits if trained is None else trained.bits
    packs = activation_type.scheme == INT8 and INT4 in policy.versions
    if bits <= _PACKED_BITS and packs:
        return WeightFormat(
            WeightScheme(bits).limit, TensorType.INT4, INT4, weights.per_channel_dense
        )
    if bits == _PACKED_BITS and trained is None:
        bits = _WHOLE_BITS
    return WeightFormat(
        WeightScheme(bits).limit, TensorType.INT8, activation_type.scheme, weights.per_channel_dense
    )
