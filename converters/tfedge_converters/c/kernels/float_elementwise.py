"""Functions of one and of two real numbers, in float32.

What the C library computes is as exact as that library; everything else is the reference's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfedge_converters.arithmetic.activation import CLAMP_LIMITS
from tfedge_converters.c.kernel_call import KernelCall, Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.broadcast import BROADCASTING, merge
from tfedge_converters.c.kernels.requantization import (
    FUSED,
    LARGEST_REAL,
    real_limit_fields,
    real_limits,
)
from tfedge_converters.c.limits import AtMost
from tfedge_converters.c.registry import LITERT, TFLITE_MICRO, kernel
from tfedge_converters.graph.types import Operator, Tensor

# Operators of one operand, and whether TFLite Micro has them.
_UNARY = {
    "ABS": True,
    "CEIL": True,
    "COS": True,
    "ELU": True,
    "EXP": True,
    "FLOOR": True,
    "HARD_SWISH": True,
    "LOG": True,
    "LOGISTIC": True,
    "NEG": True,
    "ROUND": True,
    "RSQRT": True,
    "SIGN": False,
    "SIN": True,
    "SQRT": True,
    "SQUARE": True,
    "TANH": True,
}

# What limits its operand; of these TFLite Micro has two.
_CLAMPS_IN_MICRO = ("RELU", "RELU6")

# Operators of two operands that may have a fused activation.
_FUSING = ("ADD", "DIV", "MUL", "SUB")
_BINARY = {
    "MAXIMUM": TFLITE_MICRO,
    "MINIMUM": TFLITE_MICRO,
    "POW": LITERT,
    "SQUARED_DIFFERENCE": TFLITE_MICRO,
}

_UNLIMITED: Mapping[str, Param] = {"output_min": -LARGEST_REAL, "output_max": LARGEST_REAL}

# The reference walks through four dimensions.
_RANK = AtMost(4, "dimensions")


def _lower_unary(operator: Operator) -> Lowered:
    return _unary_call(operator, f"{operator.code.lower()}_f32")


for _code, _in_micro in _UNARY.items():
    kernel(_code, "float32", oracle=TFLITE_MICRO if _in_micro else LITERT)(_lower_unary)


@kernel("GELU", "float32", oracle=LITERT)
def lower_gelu(operator: Operator) -> Lowered:
    """x * Phi(x), exact or approximated by tanh."""
    return _unary_call(operator, "gelu_tanh_f32" if operator.options.approximate else "gelu_f32")


def _lower_clamp(operator: Operator) -> Lowered:
    fields = {"slope": 1.0, **real_limit_fields(*CLAMP_LIMITS[operator.code])}
    return _unary_call(operator, "clamp_f32", "clamp_f32", fields)


for _code in CLAMP_LIMITS:
    kernel(_code, "float32", oracle=TFLITE_MICRO if _code in _CLAMPS_IN_MICRO else LITERT)(
        _lower_clamp
    )


@kernel("LEAKY_RELU", "float32")
def lower_leaky_relu(operator: Operator) -> Lowered:
    """x, or alpha * x for negative x."""
    fields = {"slope": float(operator.options.alpha), **_UNLIMITED}
    return _unary_call(operator, "clamp_f32", "clamp_f32", fields)


def _lower_fusing(operator: Operator) -> Lowered:
    return _binary_call(operator, real_limits(operator.options.fusedActivationFunction))


for _code in _FUSING:
    kernel(_code, "float32", limits=(BROADCASTING, FUSED))(_lower_fusing)


def _lower_binary(operator: Operator) -> Lowered:
    return _binary_call(operator, _UNLIMITED)


for _code, _oracle in _BINARY.items():
    kernel(_code, "float32", limits=(BROADCASTING,), oracle=_oracle)(_lower_binary)


@kernel("PRELU", "float32", limits=(BROADCASTING, _RANK))
def lower_prelu(operator: Operator) -> Lowered:
    """a, or a * b where a is negative; the slopes b broadcast to a."""
    source, slopes = checks.operand(operator, 0), checks.operand(operator, 1)
    checks.shape(operator.outputs[0], source.shape)
    _RANK.refuse_above(
        max(len(source.shape), len(slopes.shape)),
        f"shapes {source.shape} and {slopes.shape}; at most {_RANK.most} dimensions are possible",
    )
    return _binary_call(operator, _UNLIMITED)


def _unary_call(
    operator: Operator,
    kernel: str,
    header: str = "unary_f32",
    fields: Mapping[str, Any] | None = None,
) -> Lowered:
    source, output = checks.elementwise(operator, checks.real)
    call = KernelCall(
        kernel=kernel,
        header=header,
        struct=header,
        params={"elements": checks.elements(output), **(fields or {})},
        operands=(source,),
        output=output,
        in_place=(0,),
    )
    return Lowered((call,))


def _binary_call(operator: Operator, limits: Mapping[str, Param]) -> Lowered:
    checks.operands(operator, least=2)
    operands = checks.operand(operator, 0), checks.operand(operator, 1)
    output: Tensor = operator.outputs[0]
    checks.real(*operands, output)
    places = [i for i, tensor in enumerate(operands) if tensor.elements == output.elements]
    call = KernelCall(
        kernel=f"{operator.code.lower()}_f32",
        header="binary_f32",
        struct="binary_f32",
        params={
            "shape": merge(operands[0].shape, operands[1].shape, output),
            **limits,
        },
        operands=operands,
        output=output,
        in_place=tuple(places),
    )
    return Lowered((call,))
