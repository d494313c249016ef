"""The integers that a scheme puts activations and weights on, as types of a file."""

from __future__ import annotations

from dataclasses import dataclass

from tfedge.quantization import activation_types
from tfedge.quantization.activation_types import ActivationType
from tfedge.quantization.policy import INT4, INT8, OperatorPolicy
from tfedge.quantization.schemes import LayerScheme, Scheme, WeightScheme
from tfedge_converters.graph import Operator, TensorType, WeightGrid
from tfedge_converters.graph.layers import answers_to


@dataclass(frozen=True)
class Format(ActivationType):
    """Activations of one width, as types of a file.

    Attributes:
        type: their type.
        bias: the type of biases, which is that of the kernels' accumulator.
    """

    type: TensorType
    bias: TensorType


FORMATS = {
    8: Format(**vars(activation_types.INT8), type=TensorType.INT8, bias=TensorType.INT32),
    16: Format(**vars(activation_types.INT16), type=TensorType.INT16, bias=TensorType.INT64),
}

_PACKED_BITS = 4
_WHOLE_BITS = 8


def format_of(scheme: Scheme) -> Format:
    """The format of a scheme's activations, but for layers that it overrides."""
    return FORMATS[scheme.activations.bits]


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
        """Of the integers, which are symmetric."""
        return self.limit.bit_length() + 1


def weight_format(
    scheme: Scheme,
    operator: Operator,
    policy: OperatorPolicy,
    trained: WeightGrid | None,
    form: Format,
) -> WeightFormat:
    """How an operator's weights are stored.

    Four bits are packed where a kernel reads them so. Where training has not chosen them, four bits
    that would fill a byte anyway are eight.

    Args:
        scheme: its overrides are looked up by the layers that the operator's result is named for.
        operator: the one.
        policy: its row.
        trained: what training chose, which overrules the scheme.
        form: of the activations that the operator computes with.
    """
    weights = layer_of(scheme, operator.outputs[0].name).weights or scheme.weights
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


def layer_of(scheme: Scheme, tensor: str) -> LayerScheme:
    """What a scheme says of the layer that a tensor of this name is a result of.

    The whole name comes first, then its parts, which are names of layers and of what is in them.
    """
    if not scheme.overrides:
        return LayerScheme()
    named = next((name for name in answers_to(tensor) if name in scheme.overrides), None)
    return LayerScheme() if named is None else scheme.layer(named)
