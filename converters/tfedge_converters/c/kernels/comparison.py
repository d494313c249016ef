"""EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER and GREATER_EQUAL."""

from __future__ import annotations

from functools import partial

import numpy as np

from tfedge_converters.c.kernel_call import Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.broadcast import BROADCASTING
from tfedge_converters.c.kernels.elementwise import binary_call, rescaled_fields
from tfedge_converters.c.kernels.integer_elementwise import lower_integer_comparison
from tfedge_converters.c.limits import REDUCING, SAME_GRID, TYPES, Limit
from tfedge_converters.c.registry import LITERT, TFLITE_MICRO, kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

_NUMBERS = Limit("no constants that are NaN")


def _lower(operator: Operator, less: int, equal: int, greater: int) -> Lowered:
    a, b, output = _operands(operator)
    fields = _flags if a.type == TensorType.BOOL and less == greater else _reals
    return binary_call(
        "compare_s8",
        (a, b),
        output,
        {**_accepted(less, equal, greater), **fields("a", a), **fields("b", b)},
    )


def _lower_float(operator: Operator, less: int, equal: int, greater: int) -> Lowered:
    a, b, output = _operands(operator)
    if b.type != a.type:
        TYPES.refuse(
            f"'{b.name}' is {b.type.name} where '{a.name}' is {a.type.name}; one type is needed"
        )
    _refuse_no_numbers(a, b)
    accepted = _accepted(less, equal, greater)
    return binary_call("compare_f32", (a, b), output, accepted, in_place=False)


def _lower_int16(operator: Operator, less: int, equal: int, greater: int) -> Lowered:
    """Lower what LiteRT compares as integers, whatever their scales."""
    a, b, _ = _operands(operator)
    checks.int16(a, b)
    checks.same_quantization(operator, a, b)
    return lower_integer_comparison(operator, less, equal, greater)


def _operands(operator: Operator) -> tuple[Tensor, Tensor, Tensor]:
    checks.operands(operator, least=2)
    a, b, output = checks.operand(operator, 0), checks.operand(operator, 1), operator.outputs[0]
    checks.bools(output)
    return a, b, output


def _accepted(less: int, equal: int, greater: int) -> dict[str, Param]:
    return {"accept_less": less, "accept_equal": equal, "accept_greater": greater}


def _refuse_no_numbers(*operands: Tensor) -> None:
    for tensor in operands:
        if tensor.data is not None and np.isnan(tensor.data).any():
            _NUMBERS.refuse(f"the constant '{tensor.name}' has values that are NaN")


def _reals(name: str, operand: Tensor) -> dict[str, Param]:
    checks.int8(operand)
    return rescaled_fields(name, operand, float(checks.scale_and_zero_point(operand)[0]))


def _flags(name: str, operand: Tensor) -> dict[str, Param]:
    """Bytes 0 and 1, of which the reference knows no order; any multiplier tells them apart."""
    checks.bools(operand)
    return {f"{name}_zero_point": 0, f"{name}_multiplier": 1 << 30, f"{name}_shift": 0}


_INT16 = "int16"

# What each says where a is less than b, equal to it, or greater; and whether it knows of bool.
_COMPARISONS = {
    "EQUAL": ((0, 1, 0), True),
    "NOT_EQUAL": ((1, 0, 1), True),
    "LESS": ((1, 0, 0), False),
    "LESS_EQUAL": ((1, 1, 0), False),
    "GREATER": ((0, 0, 1), False),
    "GREATER_EQUAL": ((0, 1, 1), False),
}

for _code, ((_less, _equal, _greater), _of_bools) in _COMPARISONS.items():
    _rows = [
        ("int8 bool" if _of_bools else "int8", _lower, (BROADCASTING, REDUCING)),
        ("int32 int64", lower_integer_comparison, (BROADCASTING,)),
        ("float32", _lower_float, (BROADCASTING, _NUMBERS)),
    ]
    if not _of_bools:
        _rows.append((_INT16, _lower_int16, (BROADCASTING, SAME_GRID)))
    for _types, _lowering, _limits in _rows:
        _oracle = LITERT if _types == _INT16 else TFLITE_MICRO
        kernel(_code, _types, limits=_limits, results="bool", oracle=_oracle)(
            partial(_lowering, less=_less, equal=_equal, greater=_greater)
        )
