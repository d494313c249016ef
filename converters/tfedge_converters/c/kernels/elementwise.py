"""ADD, SUB, MUL, DIV and SQUARED_DIFFERENCE, with broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfedge_converters.arithmetic import reciprocal
from tfedge_converters.arithmetic.byte_pairs import SUM_FRACTION_BITS, sum_table
from tfedge_converters.arithmetic.fixed_point import quantize_multiplier
from tfedge_converters.arithmetic.linear_sum import find_linear_sum
from tfedge_converters.c.kernel_call import Constant, KernelCall, Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.broadcast import BROADCASTING, merge
from tfedge_converters.c.kernels.requantization import FUSED, output_fields
from tfedge_converters.c.limits import REDUCING, Limit
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph.types import Operator, Tensor

# Of the operands' common scale, by the width of integers.
_ADD_FRACTION_BITS = {"s8": SUM_FRACTION_BITS, "s16": 15}
_SQUARED_DIFFERENCE_FRACTION_BITS = {"s8": 7, "s16": 0}

_SUM_SCALES = Limit(
    "operands' scales below "
    + " and ".join(
        f"2^{bits - 1} times the result's in {name}"
        for name, bits in zip(("int8", "int16"), _ADD_FRACTION_BITS.values(), strict=True)
    )
)
_QUOTIENTS = (1 << 6, 1 << 22)
_QUOTIENT_SCALES = Limit(
    f"a quotient of one step by one of {_QUOTIENTS[0]} to {_QUOTIENTS[1]:,} steps of the result"
)
_SUM = (BROADCASTING, FUSED, REDUCING, _SUM_SCALES)


@kernel("ADD", "int8 int16", limits=_SUM)
def lower_add(operator: Operator) -> Lowered:
    """a + b."""
    return _lower_sum(operator, subtract=0)


@kernel("SUB", "int8 int16", limits=_SUM)
def lower_sub(operator: Operator) -> Lowered:
    """a - b."""
    return _lower_sum(operator, subtract=1)


@kernel("MUL", "int8 int16", limits=(BROADCASTING, FUSED))
def lower_mul(operator: Operator) -> Lowered:
    """a * b."""
    a, b, output = _operands(operator)
    width = checks.activations(a, b, output)
    multiplier, shift = quantize_multiplier(_scale(a) * _scale(b) / _scale(output))
    return binary_call(
        f"mul_{width}",
        (a, b),
        output,
        fields_of(
            width,
            {
                "a_zero_point": _zero_point(a),
                "b_zero_point": _zero_point(b),
                "output_multiplier": multiplier,
                "output_shift": shift,
                **output_fields(output, operator.options.fusedActivationFunction),
            },
        ),
    )


@kernel("DIV", "int8", limits=(BROADCASTING, FUSED, _QUOTIENT_SCALES))
def lower_div(operator: Operator) -> Lowered:
    """a / b, where the reference's shifts are defined."""
    a, b, output = _operands(operator)
    checks.int8(a, b, output)
    activation = operator.options.fusedActivationFunction
    # In double precision, as TFLite Micro has it; LiteRT's reference has single.
    scales = [float(_scale(tensor)) for tensor in (a, b, output)]
    real = scales[0] / (scales[1] * scales[2])
    multiplier, shift = quantize_multiplier(real)
    table = reciprocal.of_bytes(_zero_point(b))
    divisors = slice(None) if b.data is None else b.data.reshape(-1).view(np.uint8)
    if not table.exponent[divisors].max() <= shift <= reciprocal.LARGEST_SHIFT:
        _QUOTIENT_SCALES.refuse(
            f"its scales make {real:.3g} of a quotient of one step by one; the reference shifts by "
            f"more bits than there are outside of {_QUOTIENTS[0]} to {_QUOTIENTS[1]}: give the "
            "result a finer scale"
        )
    return binary_call(
        "div_s8",
        (a, b),
        output,
        {
            "a_zero_point": _zero_point(a),
            "b_zero_point": _zero_point(b),
            "inverse": Constant("inverse", table.inverse, "Q0.31, by the divisor's byte"),
            "exponent": Constant("exponent", table.exponent, "by the divisor's byte"),
            "output_multiplier": multiplier,
            "output_shift": shift,
            **output_fields(output, activation),
        },
    )


@kernel("SQUARED_DIFFERENCE", "int8 int16", limits=(BROADCASTING, REDUCING))
def lower_squared_difference(operator: Operator) -> Lowered:
    """(a - b)^2."""
    a, b, output = _operands(operator)
    width = checks.activations(a, b, output)
    common = 2 * max(_scale(a), _scale(b))
    unit = 1 << 2 * _SQUARED_DIFFERENCE_FRACTION_BITS[width]
    multiplier, shift = quantize_multiplier(common * common / (unit * _scale(output)))
    return binary_call(
        f"squared_difference_{width}",
        (a, b),
        output,
        fields_of(
            width,
            {
                **rescaled_fields("a", a, _scale(a) / common),
                **rescaled_fields("b", b, _scale(b) / common),
                "output_multiplier": multiplier,
                "output_shift": shift,
                "output_zero_point": _zero_point(output),
            },
        ),
    )


def binary_call(
    kernel: str,
    operands: tuple[Tensor, Tensor],
    output: Tensor,
    fields: dict[str, Param],
    *,
    in_place: bool = True,
) -> Lowered:
    """A kernel that goes through two operands with broadcasting.

    Args:
        kernel: its name.
        operands, output: its tensors.
        fields: its parameters, but for the shape.
        in_place: whether the output may lie where an operand of as many elements does.
    """
    places = [i for i, t in enumerate(operands) if in_place and t.elements == output.elements]
    call = KernelCall(
        kernel=kernel,
        header=kernel,
        struct=kernel,
        params={"shape": merge(operands[0].shape, operands[1].shape, output), **fields},
        operands=operands,
        output=output,
        in_place=tuple(places),
    )
    return Lowered((call,))


def rescaled_fields(name: str, operand: Tensor, real: float) -> dict[str, Param]:
    """How a kernel brings an operand to a common scale."""
    multiplier, shift = checks.smaller_than_one(real, f"the rescaling of '{operand.name}'")
    return {
        f"{name}_zero_point": _zero_point(operand),
        f"{name}_multiplier": multiplier,
        f"{name}_shift": shift,
    }


def _lower_sum(operator: Operator, subtract: int) -> Lowered:
    a, b, output = _operands(operator)
    width = checks.activations(a, b, output)
    fields = _sum_fields(a, b, output, subtract, _ADD_FRACTION_BITS[width])
    fields |= output_fields(output, operator.options.fusedActivationFunction)
    linear = _linear_fields(a, b, output, fields) if width == "s8" else None
    if linear is not None:
        return binary_call("add_linear_s8", (a, b), output, linear)
    return binary_call(f"add_{width}", (a, b), output, fields_of(width, fields))


def fields_of(width: str, fields: dict[str, Param]) -> dict[str, Param]:
    """The fields of a kernel's parameters; those on int16 have no zero points, which are 0."""
    if width == "s8":
        return fields
    return {name: value for name, value in fields.items() if not name.endswith("zero_point")}


def _sum_fields(
    a: Tensor, b: Tensor, output: Tensor, subtract: int, fraction_bits: int
) -> dict[str, Param]:
    common = 2 * max(_scale(a), _scale(b))
    real = common / ((1 << fraction_bits) * _scale(output))
    if real >= 1:
        _SUM_SCALES.refuse(
            f"the output's scale {_scale(output):.3g} is too small for its operands' "
            f"{common / 2:.3g}"
        )
    multiplier, shift = quantize_multiplier(real)
    return {
        "subtract": subtract,
        **rescaled_fields("a", a, _scale(a) / common),
        **rescaled_fields("b", b, _scale(b) / common),
        "output_multiplier": multiplier,
        "output_shift": shift,
    }


def _linear_fields(
    a: Tensor, b: Tensor, output: Tensor, exact: dict[str, Any]
) -> dict[str, Param] | None:
    """The fields of the linear kernel, if it computes what the exact one does."""
    sign = -1 if exact["subtract"] else 1
    low, high = exact["output_min"], exact["output_max"]
    x, y, z = (checks.scale_and_zero_point(tensor) for tensor in (a, b, output))
    results = np.clip(sum_table(x, y, z, sign), low, high)
    found = find_linear_sum(
        results, _scale(a) / _scale(output), sign * _scale(b) / _scale(output), low, high
    )
    if found is None:
        return None
    return {
        "a_factor": found.a_factor,
        "b_factor": found.b_factor,
        "constant": found.constant,
        "shift": found.shift,
        "output_min": low,
        "output_max": high,
    }


def _operands(operator: Operator) -> tuple[Tensor, Tensor, Tensor]:
    checks.operands(operator, least=2)
    return checks.operand(operator, 0), checks.operand(operator, 1), operator.outputs[0]


def _scale(tensor: Tensor) -> float:
    return float(checks.scale_and_zero_point(tensor)[0])


def _zero_point(tensor: Tensor) -> int:
    return checks.scale_and_zero_point(tensor)[1]
