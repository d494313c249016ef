"""EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER and GREATER_EQUAL."""

from __future__ import annotations

from functools import partial

import numpy as np

from tfedge_converters.c.kernel_call import Lowered, Param
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.kernels.elementwise import binary_call, rescaled_fields
from tfedge_converters.c.kernels.integer_elementwise import is_integer, lower_integer_comparison
from tfedge_converters.graph.types import Operator, Tensor, TensorType


def _lower(operator: Operator, less: int, equal: int, greater: int) -> Lowered:
    if is_integer(operator):
        return lower_integer_comparison(operator, less, equal, greater)
    checks.operands(operator, least=2)
    a, b, output = checks.operand(operator, 0), checks.operand(operator, 1), operator.outputs[0]
    checks.bools(output)
    accepted: dict[str, Param] = {
        "accept_less": less,
        "accept_equal": equal,
        "accept_greater": greater,
    }
    if a.type == b.type == TensorType.FLOAT32:
        _refuse_no_numbers(a, b)
        return binary_call("compare_f32", (a, b), output, accepted, in_place=False)
    fields = _flags if a.type == TensorType.BOOL and less == greater else _reals
    return binary_call(
        "compare_s8",
        (a, b),
        output,
        {**accepted, **fields("a", a), **fields("b", b)},
    )


def _refuse_no_numbers(*operands: Tensor) -> None:
    for tensor in operands:
        if tensor.data is not None and np.isnan(tensor.data).any():
            raise checks.RefusedError(f"the constant '{tensor.name}' has values that are NaN")


def _reals(name: str, operand: Tensor) -> dict[str, Param]:
    checks.int8(operand)
    return rescaled_fields(name, operand, float(checks.scale_and_zero_point(operand)[0]))


def _flags(name: str, operand: Tensor) -> dict[str, Param]:
    """Bytes 0 and 1, of which the reference knows no order; any multiplier tells them apart."""
    checks.bools(operand)
    return {f"{name}_zero_point": 0, f"{name}_multiplier": 1 << 30, f"{name}_shift": 0}


lower_equal = partial(_lower, less=0, equal=1, greater=0)
lower_not_equal = partial(_lower, less=1, equal=0, greater=1)
lower_less = partial(_lower, less=1, equal=0, greater=0)
lower_less_equal = partial(_lower, less=1, equal=1, greater=0)
lower_greater = partial(_lower, less=0, equal=0, greater=1)
lower_greater_equal = partial(_lower, less=0, equal=1, greater=1)
