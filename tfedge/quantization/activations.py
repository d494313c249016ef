"""Activation functions as operators, by the names that Keras gives them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras

from tfedge.quantization import exact, exact_functions, fused_activation, policy
from tfedge.quantization.activation_types import INT16
from tfedge.quantization.exact_hard_swish import hard_swish
from tfedge.quantization.fused_activation import FusedActivation
from tfedge.quantization.operator_factory import Function, OperatorFactory

# Those that the kernel in front of them applies.
FUSED: dict[str, FusedActivation] = {
    "linear": fused_activation.NONE,
    "relu": fused_activation.RELU,
    "relu6": fused_activation.RELU6,
}

Builder = Callable[[OperatorFactory, Callable[[Any], Any]], Function]


def _first(function: Callable[[Any], Any]) -> Callable[[list[Any]], Any]:
    return lambda operands: function(operands[0])


def _fixed(code: str, make: OperatorFactory, function: Callable[[Any], Any]) -> Function:
    return make.fixed(code, _first(function), code.lower())


def _own(code: str, make: OperatorFactory, function: Callable[[Any], Any]) -> Function:
    return make.own(code, _first(function), part=code.lower())


def relu(make: OperatorFactory, function: Callable[[Any], Any]) -> Function:
    """RELU on its own."""
    return make.own(
        "RELU",
        lambda operands: operands[0],
        lambda operands, grid: exact.rescale(*operands[0], grid),
        "relu",
        fused_activation.RELU,
    )


def relu6(make: OperatorFactory, function: Callable[[Any], Any]) -> Function:
    """RELU6 on its own, which keeps its operand's grid."""
    return make.shared("RELU6", _first(keras.ops.relu6), part="relu6")


def silu(make: OperatorFactory, function: Callable[[Any], Any]) -> Function:
    """x * sigmoid(x)."""
    sigmoid = make.fixed("LOGISTIC", _first(keras.ops.sigmoid), "sigmoid")
    product = make.own("MUL", multiply, exact.multiply, "product")
    return lambda x: product([x, sigmoid(x)])


def softmax(make: OperatorFactory, function: Callable[[Any], Any]) -> Function:
    """SOFTMAX along the last axis."""
    return make.fixed("SOFTMAX", _first(function), "softmax", {INT16: exact_functions.softmax})


def multiply(operands: list[Any]) -> Any:
    """The product of two tensors."""
    return operands[0] * operands[1]


def hard_silu(make: OperatorFactory, function: Callable[[Any], Any]) -> Function:
    """x * hard_sigmoid(x); of 16 bits it is a table of real numbers."""

    def kernel(operands: Any, grid: Any) -> Any:
        steps, source = operands[0]
        return hard_swish(steps, source, grid)

    is_exact = make.element == policy.INT8
    return make.own("HARD_SWISH", _first(function), kernel if is_exact else None, "hard_swish")


STANDALONE: dict[str, Builder] = {
    "relu": relu,
    "relu6": relu6,
    "silu": silu,
    "swish": silu,
    "sigmoid": partial(_fixed, "LOGISTIC"),
    "softmax": softmax,
    "log_softmax": partial(_fixed, "LOG_SOFTMAX"),
    "tanh": partial(_fixed, "TANH"),
    "elu": partial(_own, "ELU"),
    "gelu": partial(_own, "GELU"),
    "leaky_relu": partial(_own, "LEAKY_RELU"),
    "hard_silu": hard_silu,
    "hard_swish": hard_silu,
    "exponential": partial(_own, "EXP"),
}
