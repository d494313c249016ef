"""The types of a file that hold activations and biases."""

from __future__ import annotations

from tfedge.quantization.activation_types import ACTIVATION_TYPES, ActivationType
from tfedge_converters.graph import TensorType


def tensor_type(activation_type: ActivationType) -> TensorType:
    """Return the type that activations are stored as."""
    return TensorType[activation_type.element.upper()]


def bias_type(activation_type: ActivationType) -> TensorType:
    """Return the type of stored biases, which are added to the kernels' accumulators."""
    return TensorType[activation_type.bias.upper()]


def activation_type_of(type_: TensorType) -> ActivationType:
    """The inverse of `tensor_type`.

    Raises:
        KeyError: activations are never stored so.
    """
    return _BY_TENSOR_TYPE[type_]


_BY_TENSOR_TYPE = {
    tensor_type(activation_type): activation_type for activation_type in ACTIVATION_TYPES.values()
}
