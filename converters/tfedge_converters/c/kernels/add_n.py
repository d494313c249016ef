"""Lowering of ADD_N."""

from __future__ import annotations

from typing import Any

from tfedge_converters.c.kernel_call import KernelCall, Lowered
from tfedge_converters.c.kernels import checks
from tfedge_converters.c.limits import REDUCING, SAME_GRID, AtMost
from tfedge_converters.c.registry import kernel
from tfedge_converters.graph.types import Operator, Tensor, TensorType

_FRACTION_BITS = 20

# The sums of more int8 values may not fit int16.
_OPERANDS = AtMost(256, "operands")


@kernel("ADD_N", "float32", limits=(_OPERANDS,))
def lower_float_add_n(operator: Operator) -> Lowered:
    """The sum of two or more real operands of one shape, one call each."""
    operands, output = _checked(operator)
    checks.real(*operands, output)
    calls = [
        KernelCall(
            "add_n_f32",
            header="add_n_f32",
            struct="add_n_f32",
            params={"elements": checks.elements(output), "is_first": int(index == 0)},
            operands=(operand,),
            output=output,
        )
        for index, operand in enumerate(operands)
    ]
    return Lowered(tuple(calls), detail=f"of {len(operands)}")


@kernel("ADD_N", "int8", limits=(_OPERANDS, SAME_GRID, REDUCING))
def lower_add_n(operator: Operator) -> Lowered:
    """The sum of two or more operands of one shape, one call each, by way of int16 sums."""
    operands, output = _checked(operator)
    checks.int8(*operands, output)
    checks.same_quantization(operator, *operands)
    scale, zero_point = checks.scale_and_zero_point(operands[0])
    out_scale, out_zero_point = checks.scale_and_zero_point(output)
    real = 2 * float(scale) / ((1 << _FRACTION_BITS) * float(out_scale))
    multiplier, shift = checks.smaller_than_one(real, "the rescaling of its sums")
    fields = {
        "elements": checks.elements(output),
        "is_first": 0,
        "zero_points": zero_point * (len(operands) + 1),
        "output_multiplier": multiplier,
        "output_shift": shift,
        "output_zero_point": out_zero_point,
    }
    common: dict[str, Any] = {"header": "add_n_s8", "struct": "add_n_s8"}
    sums = Tensor(f"{output.name} sums", output.shape, TensorType.INT16)
    calls = [
        KernelCall(
            "add_n_operand_s8",
            params=fields | {"is_first": int(index == 0)},
            operands=(operand,),
            output=sums,
            **common,
        )
        for index, operand in enumerate(operands)
    ]
    result = KernelCall("add_n_result_s8", params=fields, operands=(sums,), output=output, **common)
    return Lowered((*calls, result), detail=f"of {len(operands)}")


def _checked(operator: Operator) -> tuple[list[Tensor], Tensor]:
    """Operands and output, all of one shape."""
    count = len(operator.inputs)
    _OPERANDS.refuse_above(count, f"it has {count} inputs where 2 to {_OPERANDS.most} are possible")
    checks.operands(operator, least=2, most=_OPERANDS.most)
    operands = [checks.operand(operator, index) for index in range(count)]
    output = operator.outputs[0]
    for operand in operands:
        checks.shape(operand, output.shape)
    return operands, output
