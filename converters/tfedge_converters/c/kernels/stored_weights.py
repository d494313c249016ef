"""Weights of real operators, in the form in which flash has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfedge_converters.c.kernel_call import Constant, shape_comment
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.requantization import BIAS, WEIGHTS
from tfedge_converters.c.limits import SHAPES, TYPES, Limit
from tfedge_converters.graph.types import Tensor, TensorType

# What kernels are called by the form of their weights.
_FORMS = {TensorType.FLOAT32: "f32", TensorType.FLOAT16: "f16"}

# Kernels gather what lies outside the input as zeros, which times infinity are no numbers.
FINITE = Limit("weights and biases that are finite")


@dataclass(frozen=True, eq=False)
class StoredWeights:
    """Weights as they are stored.

    Attributes:
        form: ends the names of kernels that read them.
        values: float32 or float16.
    """

    form: str
    values: np.ndarray

    def constant(self, values: np.ndarray, role: str = "weights") -> Constant:
        """Some of the values, as generated code keeps them."""
        stored = values if values.dtype == np.float32 else values.view(np.uint16)
        return Constant(role, np.ascontiguousarray(stored), shape_comment(values.shape))


def stored_weights(tensor: Tensor) -> StoredWeights:
    """The weights of a real operator.

    Raises:
        RefusedError: they are of another type, not constant, or not finite.
    """
    if tensor.type not in _FORMS:
        TYPES.refuse(
            f"the weights '{tensor.name}' are {tensor.type.name} where activations are FLOAT32; "
            "FLOAT32 and FLOAT16 are supported, and INT8 in BATCH_MATMUL, CONV_2D, "
            "DEPTHWISE_CONV_2D, FULLY_CONNECTED and UNIDIRECTIONAL_SEQUENCE_LSTM; int8 activations "
            "are supported, too"
        )
    values = WEIGHTS.values(tensor)
    refuse_infinite(tensor, values)
    return StoredWeights(_FORMS[tensor.type], values)


def real_bias(bias: Tensor | None, channels: int) -> Constant:
    """The biases of a real operator, (channels,); zeros if there are none.

    Raises:
        RefusedError: they are of another type or number, not constant, or not finite.
    """
    if bias is None:
        return Constant("bias", np.zeros(channels, np.float32))
    checks.real(bias)
    values = BIAS.values(bias)
    if values.size != channels:
        SHAPES.refuse(f"the bias '{bias.name}' has {values.size} values for {channels} channels")
    refuse_infinite(bias, values)
    return Constant("bias", values.reshape(-1))


def refuse_infinite(tensor: Tensor, values: np.ndarray) -> None:
    """Refuse a constant with values that are infinite or no numbers."""
    if not np.isfinite(values).all():
        FINITE.refuse(f"'{tensor.name}' has values that are infinite or no numbers")
